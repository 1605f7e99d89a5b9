import { createHash } from 'node:crypto'
import { openPlainFile } from './plain-file.ts'

const CHUNK_BYTES = 1024 * 1024

/**
 * SHA-256 of a whole file as lower-case hex, with one megabyte of memory.
 *
 * @throws what `openPlainFile` throws; the reason of an aborted `signal`
 */
export async function sha256OfFile(
  path: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void = () => {},
): Promise<string> {
  const hash = createHash('sha256')
  await using file = await openPlainFile(path)
  const chunk = new Uint8Array(CHUNK_BYTES)
  for (;;) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null)
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(chunk.subarray(0, bytesRead))
    onBytes(bytesRead)
  }
}
