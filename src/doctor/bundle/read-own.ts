import { constants } from 'node:fs'
import { openPlainFile } from '../../shared/plain-file.ts'

const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)

/** What is at the end of a file that is one; a link is not followed. Throws a system error. */
async function readEnd(path: string, maxBytes: number): Promise<{ text: string; isCut: boolean }> {
  await using file = await openPlainFile(path, { flags: FLAGS })
  const { size } = await file.stat()
  const start = Math.max(0, size - maxBytes)
  const bytes = Buffer.alloc(size - start)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, start + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return { text: bytes.subarray(0, length).toString(), isCut: start > 0 }
}

/** A small file as a whole. Throws a system error, `EFBIG` for a larger one. */
export async function readWhole(path: string, maxBytes: number): Promise<string> {
  const { text, isCut } = await readEnd(path, maxBytes)
  if (isCut) throw Object.assign(new Error(`EFBIG: more than ${maxBytes} bytes, open '${path}'`), { code: 'EFBIG' })
  return text
}

/** The last lines of a file, whole ones only: half a secret would not be known as one. */
export async function readLastLines(path: string, maxBytes: number): Promise<string[]> {
  const { text, isCut } = await readEnd(path, maxBytes)
  const lines = text.split('\n')
  return isCut ? lines.slice(1) : lines
}
