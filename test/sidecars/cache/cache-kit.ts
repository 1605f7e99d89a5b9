import { chmod, lstat, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { exportArchive } from '../../../src/sidecars/cache/cache-export.ts'
import { type ImportedBuild, type ImportOptions, importArchive } from '../../../src/sidecars/cache/cache-import.ts'
import { listCache } from '../../../src/sidecars/cache/cache-items.ts'
import { cachedPath, type WantedOpencode } from '../../../src/sidecars/cache/cache-layout.ts'
import type { OpencodePins } from '../../../src/sidecars/pins/opencode-pins.ts'
import { Verifier } from '../../../src/sidecars/verify/verify.ts'
import { fakeOpencode, pinsOf, VERSION } from '../kit.ts'

/** The version of openwork in these tests. */
export const OPENWORK = '3.4.5'
export const NAME = 'opencode-linux-x64'

/** A temporary folder with a cache that holds nothing yet. */
export async function cacheBox(content = fakeOpencode()) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'openwork-cache-')))
  const dir = join(folder, 'sidecars')
  const pins = pinsOf(content)
  const path = (...parts: string[]): string => join(dir, ...parts)
  const wanted = (name = NAME): WantedOpencode => {
    const pin = pins.packages[name]
    if (!pin) throw new Error(`${name} is not pinned`)
    return { name, version: VERSION, pin }
  }
  /** Puts a file into the cache as if it had come there long ago. */
  const put = async (name: string, text: string, mode = 0o755): Promise<string> => {
    await mkdir(dirname(path(name)), { recursive: true })
    await writeFile(path(name), text)
    await chmod(path(name), mode)
    return path(name)
  }
  return {
    folder,
    dir,
    pins,
    content,
    made: { version: OPENWORK, pins },
    path,
    put,
    wanted,
    cached: (name = NAME): string => cachedPath(dir, wanted(name)),
    /** The pinned build, in its place. */
    putBuild: (name = NAME): Promise<string> => put(`opencode/${VERSION}/${name}/opencode`, content),
    list: () => listCache(dir, { version: OPENWORK, pins }),
    /** Everything below the cache folder that is not a folder, but for the memory of hashes. */
    files: async (): Promise<string[]> => {
      const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])
      return entries
        .filter(entry => !entry.isDirectory() && entry.name !== 'verified.json')
        .map(entry => join(entry.parentPath, entry.name).slice(dir.length + 1))
        .sort()
    },
    take: (source: Readable | Uint8Array, changes: Partial<ImportOptions> = {}): Promise<ImportedBuild[]> =>
      importArchive(source instanceof Readable ? source : Readable.from([source]), {
        pins,
        runnable: [NAME],
        sidecarDir: dir,
        verifier: new Verifier(dir),
        origin: '/usb/bundle.tgz',
        env: { PATH: process.env.PATH },
        signal: undefined,
        onProgress: () => {},
        onWait: () => {},
        ...changes,
      }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

type Box = Awaited<ReturnType<typeof cacheBox>>

/** What `openwork cache export` would write for these builds of a box, all of its pins or fewer. */
export async function exported(box: Box, names: readonly string[] = [NAME], pins?: OpencodePins): Promise<Buffer> {
  const builds = names.map(name => ({
    wanted: pins ? { ...box.wanted(name), version: pins.version } : box.wanted(name),
    path: box.cached(name),
  }))
  const chunks: Uint8Array[] = []
  for await (const chunk of exportArchive(builds, { version: OPENWORK, onBytes: () => {} })) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )
