import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGE_BYTES = 4096

export type SmallDisk = {
  path: string
  /** Fills it but for so many bytes, in whole pages. */
  fill(freeBytes: number): void
  /** Takes away again what `fill` put there. */
  free(): void
  [Symbol.asyncDispose](): Promise<void>
}

/** A file system of its own of 1 MB at `path`. Throws where none can be mounted: see `whyNoSmallDisk`. */
export function mountSmallDisk(path: string): SmallDisk {
  mkdirSync(path, { recursive: true })
  const mounted = mount(path)
  if (mounted !== undefined) throw new Error(mounted)
  const ballast = join(path, 'ballast')
  return {
    path,
    fill(freeBytes) {
      mkdirSync(ballast)
      for (const bytes of [1 << 18, PAGE_BYTES]) fillWith(ballast, bytes)
      const pages = readdirSync(ballast).filter(name => name.startsWith(`${PAGE_BYTES}-`))
      for (const name of pages.slice(0, freeBytes / PAGE_BYTES)) rmSync(join(ballast, name))
    },
    free: () => rmSync(ballast, { recursive: true }),
    async [Symbol.asyncDispose]() {
      Bun.spawnSync(['umount', '--lazy', path])
    },
  }
}

/** Why no small disk can be had here; `undefined` when it can. */
export function whyNoSmallDisk(scratch: string): string | undefined {
  if (process.platform !== 'linux') return 'it needs a tmpfs'
  const failure = mount(scratch)
  if (failure === undefined) Bun.spawnSync(['umount', scratch])
  return failure && `no tmpfs can be mounted here: ${failure}`
}

function mount(path: string): string | undefined {
  const { exitCode, stderr } = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=0755', 'tmpfs', path])
  return exitCode === 0 ? undefined : stderr.toString().trim()
}

/** Files of this size, until the next one has no room; that one is taken away again. */
function fillWith(folder: string, bytes: number): void {
  for (let number = 0; ; number++) {
    const path = join(folder, `${bytes}-${number}`)
    try {
      writeFileSync(path, new Uint8Array(bytes))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      rmSync(path, { force: true })
      return
    }
  }
}
