import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

const CHUNK_BYTES = 1024 * 1024

/** SHA-256 of a whole file as lower-case hex, with one megabyte of memory. */
export async function sha256OfFile(
  path: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void = () => {},
): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    signal?.throwIfAborted()
    hash.update(chunk)
    onBytes(chunk.length)
  }
  return hash.digest('hex')
}
