import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mismatch } from '../verify/write-pinned.ts'
import { INDEX_PATH, indexed } from './cache-archive.ts'
import type { WantedOpencode } from './cache-layout.ts'
import { exportedFrom } from './cache-store.ts'

const BLOCK = 512
const CHUNK_BYTES = 1024 * 1024
/** A tar ends with two empty blocks. */
const END = new Uint8Array(2 * BLOCK)

/** A build and where a verified copy of it lies. */
export type ExportedBuild = { readonly wanted: WantedOpencode; readonly path: string }

/**
 * The archive of these builds as it is written, with a chunk in memory at a time. Every build is hashed once more on the
 * way. The same builds always give the same bytes.
 *
 * @param onBytes called with how much more of the builds has been read
 * @throws OpenworkError `sidecar_checksum_mismatch` for a file that changed since it was verified
 */
export async function* exportArchive(
  builds: readonly ExportedBuild[],
  { version, onBytes }: { version: string; onBytes: (bytes: number) => void },
): AsyncGenerator<Uint8Array> {
  const files = builds.map(({ wanted }) => indexed(wanted))
  const index = new TextEncoder().encode(`${JSON.stringify({ format: 1, openwork: version, files }, null, 2)}\n`)
  yield tarHeader(INDEX_PATH, index.length, 0o644)
  yield index
  yield padding(index.length)
  for (const { wanted, path } of builds) {
    const file = indexed(wanted)
    yield tarHeader(file.path, file.size, 0o755)
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      hash.update(chunk)
      bytes += chunk.length
      if (bytes > file.size) break
      onBytes(chunk.length)
      yield chunk
    }
    const actual = hash.digest('hex')
    if (bytes !== file.size || actual !== file.sha256)
      throw mismatch(wanted, `SHA-256 ${actual} (${bytes} bytes)`, exportedFrom(path))
    yield padding(bytes)
  }
  yield END
}

const padding = (size: number): Uint8Array => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK)

/** POSIX ustar, without owner and time. nanotar (0.3.0) makes headers only together with the whole content. */
function tarHeader(path: string, size: number, mode: number): Uint8Array {
  const header = Buffer.alloc(BLOCK)
  if (Buffer.byteLength(path) > 100) throw new RangeError(`${path} is too long for a tar header`)
  header.write(path, 0)
  writeOctal(header, 100, 8, mode)
  writeOctal(header, 108, 8, 0) // user
  writeOctal(header, 116, 8, 0) // group
  writeOctal(header, 124, 12, size)
  writeOctal(header, 136, 12, 0) // time
  header.fill(' ', 148, 156) // the sum counts its own field as blanks
  header.write('0', 156) // a plain file
  header.write('ustar\x0000', 257, 'latin1')
  writeOctal(
    header,
    148,
    7,
    header.reduce((sum, byte) => sum + byte, 0),
  )
  return header
}

/** Digits up to the last byte of the field, which stays what it is: NUL, or the blank after the sum. */
const writeOctal = (header: Buffer, at: number, length: number, value: number): void => {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
}
