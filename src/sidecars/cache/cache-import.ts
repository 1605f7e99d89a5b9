import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { invalidArchive } from '../archive/entry.ts'
import { readTarFiles, type TarFile } from '../archive/tar-entry.ts'
import type { OpencodePins } from '../pins/opencode-pins.ts'
import { mismatch } from '../verify/write-pinned.ts'
import { parseBuildPath, targetOfPackage, wantedBuild } from './cache-archive.ts'
import { cachedPath } from './cache-layout.ts'
import { exportedFrom, type StoreOptions, storeOpencode } from './cache-store.ts'

/** Every build there is of several versions, and then some. What unpacks to more is not read to its end. */
const MAX_ARCHIVE_BYTES = 16 * 1024 ** 3
const MAX_FILES = 1000

export type ImportedBuild = {
  readonly version: string
  readonly target: string
  readonly outcome: 'imported' | 'there' | 'skipped'
  /** In the cache; undefined for a skipped one. */
  readonly path: string | undefined
  /** Why it was skipped. */
  readonly reason: string | undefined
}

export type ImportOptions = Omit<StoreOptions, 'runsHere' | 'onWait'> & {
  pins: OpencodePins
  /** Packages that run on this machine: these are tried out. */
  runnable: readonly string[]
  /** `done` of `total` bytes of a build. */
  onProgress: (what: string, done: number, total: number) => void
  onWait: (what: string) => void
}

/**
 * Puts the builds of an archive, plain or gzipped, into the cache as it is read. What it says of itself counts for
 * nothing: a build must have the hash that this executable was made with. Builds of another version, and ones that this
 * executable knows no hash of, are skipped. What was imported before a failure stays.
 *
 * @param source is destroyed in the end
 * @throws OpenworkError `sidecar_archive_invalid`, `sidecar_checksum_mismatch` and what else `storeOpencode` throws;
 *   what `source` fails with; the reason of an aborted `signal`
 */
export async function importArchive(source: Readable, options: ImportOptions): Promise<ImportedBuild[]> {
  const { signal } = options
  const stop = (): void => void source.destroy()
  signal?.addEventListener('abort', stop, { once: true }) // a read of stdin may be waiting for ever
  const found: ImportedBuild[] = []
  let files = 0
  const take = async (unpacked: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const file of readTarFiles(unpacked, MAX_ARCHIVE_BYTES)) {
      signal?.throwIfAborted()
      if (++files > MAX_FILES) throw invalidArchive(`holds more than ${MAX_FILES} files`)
      const build = await importFile(file, options)
      if (build) found.push(build)
    }
  }
  try {
    const { isGzip, bytes } = await peek(source)
    if (isGzip) await pipeline(Readable.from(bytes), createGunzip({ chunkSize: 256 * 1024 }), take)
    else await take(bytes)
  } catch (error) {
    signal?.throwIfAborted()
    if (isBroken(error)) throw explain(error, options.origin, files)
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    source.destroy()
  }
  if (found.length > 0) return found
  throw explain(invalidArchive('holds no builds of opencode'), options.origin, files)
}

async function importFile(file: TarFile, options: ImportOptions): Promise<ImportedBuild | undefined> {
  const said = parseBuildPath(file.path)
  if (said === undefined) return undefined
  const { pins, runnable, sidecarDir, onProgress, onWait } = options
  const build = { version: said.version, target: targetOfPackage(said.name) }
  const skipped = (reason: string): ImportedBuild => ({ ...build, outcome: 'skipped', path: undefined, reason })
  if (said.version !== pins.version) return skipped(`this openwork needs ${pins.version}`)
  const wanted = wantedBuild(pins, said.name)
  if (wanted === undefined || wanted.pin.file !== said.file) return skipped('this openwork knows no hash of it')
  if (file.size !== wanted.pin.size) throw mismatch(wanted, `${file.size} bytes`, exportedFrom(options.origin))
  const title = `opencode ${said.version} for ${build.target}`
  async function* reported(): AsyncGenerator<Uint8Array> {
    let done = 0
    for await (const chunk of file.bytes) {
      done += chunk.length
      onProgress(title, done, file.size)
      yield chunk
    }
  }
  const outcome = await storeOpencode(wanted, reported(), {
    ...options,
    runsHere: runnable.includes(wanted.name),
    onWait: () => onWait(title),
  })
  const path = cachedPath(sidecarDir, wanted)
  return { ...build, outcome: outcome === 'stored' ? 'imported' : 'there', path, reason: undefined }
}

/** Looks at the first two bytes of a stream; `bytes` are all of it. */
async function peek(source: Readable): Promise<{ isGzip: boolean; bytes: AsyncIterable<Uint8Array> }> {
  const chunks: AsyncIterator<Uint8Array> = source[Symbol.asyncIterator]()
  let head = new Uint8Array()
  while (head.length < 2) {
    const { done, value } = await chunks.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield head
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  return { isGzip: head[0] === 0x1f && head[1] === 0x8b, bytes: bytes() }
}

const isBroken = (error: unknown): error is Error =>
  systemCode(error)?.startsWith('Z_') === true ||
  (error instanceof OpenworkError && error.code === 'sidecar_archive_invalid')

/** What is wrong with an archive, by its name. One in which no file was found at all is something else. */
function explain(error: Error, origin: string, files: number): OpenworkError {
  const said =
    error instanceof OpenworkError ? error.message.replace(/^The archive /, '') : `is damaged: ${error.message}`
  const problem = systemCode(error) === 'Z_BUF_ERROR' ? 'is cut short' : said
  return new OpenworkError(
    'sidecar_archive_invalid',
    files === 0 ? `${origin} is not an archive of \`openwork cache export\`: it ${problem}` : `${origin} ${problem}`,
    {
      hint: 'Export it again with `openwork cache export <file>`, copy it in binary mode, and compare the sizes.',
      cause: error,
    },
  )
}
