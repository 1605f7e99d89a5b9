import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { extractTarEntry } from '../../src/sidecars/archive/tar-entry.ts'
import type { OpencodePin, OpencodePins } from '../../src/sidecars/pins/opencode-pins.ts'
import { npmPack } from '../npm.ts'
import { hashFile, type ReleaseFile } from './checksums.ts'

export type OpencodeArchive = ReleaseFile & {
  /** What it is for: names of platform packages without `opencode-`. */
  targets: readonly string[]
  /** File name of the program in the archive's `package/bin/`. */
  program: string
}

/**
 * The archives of opencode that a release carries itself: the npm packages as the registry has them, byte for byte. One
 * that is in the folder already is taken, and checked all the same. Packages that hold one and the same program, as those
 * for x64 with and without AVX2 do where Bun's are, are there once.
 */
export async function addOpencodeArchives(folder: string, pins: OpencodePins): Promise<OpencodeArchive[]> {
  const archives = new Map<string, OpencodeArchive>()
  for (const [name, pin] of Object.entries(pins.packages)) {
    const program = `${pin.sha256} ${pin.file}`
    const target = name.replace(/^opencode-/, '')
    const same = archives.get(program)
    if (same) {
      archives.set(program, { ...same, targets: [...same.targets, target] })
      continue
    }
    const path = join(folder, `${name}-${pins.version}.tgz`)
    if (!(await Bun.file(path).exists())) await fetchArchive(name, pins.version, path)
    await checkArchive(path, pin)
    archives.set(program, { targets: [target], program: pin.file, name: basename(path), ...(await hashFile(path)) })
  }
  return [...archives.values()]
}

async function fetchArchive(name: string, version: string, path: string): Promise<void> {
  const scratch = await mkdtemp(join(path, '..', '.opencode-'))
  try {
    await rename(join(scratch, await npmPack(`${name}@${version}`, scratch)), path)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Throws unless the program in the archive is the one whose hash is compiled into openwork. */
async function checkArchive(path: string, pin: OpencodePin): Promise<void> {
  const hash = createHash('sha256')
  await extractTarEntry(createReadStream(path).pipe(createGunzip()), {
    entry: `package/bin/${pin.file}`,
    maxBytes: pin.size,
    write: bytes => hash.update(bytes),
  })
  const actual = hash.digest('hex')
  if (actual === pin.sha256) return
  throw new Error(
    `${path}: its ${pin.file} has SHA-256 ${actual}, and the pin is ${pin.sha256}. Remove it and try again.`,
  )
}
