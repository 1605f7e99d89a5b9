import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { systemCode } from './errors.ts'

const MIN_READ_BYTES = 4_096

/**
 * Opens a file that is one: never waits for whoever is at the other end of a pipe, as `open` does.
 *
 * @param flags for `open`, such as `O_RDWR | O_CREAT`; with `O_NOFOLLOW` a link fails with `ELOOP`
 * @throws a system error; its code is `EISDIR` for a folder, `EFTYPE` for a pipe or a device
 */
export async function openPlainFile(
  path: string,
  { flags = constants.O_RDONLY, mode }: { flags?: number; mode?: number } = {},
): Promise<FileHandle> {
  const file = await open(path, flags | (constants.O_NONBLOCK ?? 0), mode)
  try {
    const found = await file.stat()
    if (found.isFile()) return file
    throw systemError(found.isDirectory() ? 'EISDIR' : 'EFTYPE', `not a plain file, open '${path}'`)
  } catch (error) {
    await file.close()
    throw error
  }
}

/**
 * What is in a small file, as `openPlainFile` opens it.
 *
 * @throws a system error; its code is `EFBIG` for a file larger than `maxBytes`, of which no more than that is read
 */
export async function readPlainBytes(path: string, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  await using file = await openPlainFile(path)
  const { size } = await file.stat()
  const tooLarge = (bytes: string) =>
    systemError('EFBIG', `${bytes} bytes, at most ${maxBytes} allowed, open '${path}'`)
  if (size > maxBytes) throw tooLarge(`${size}`)
  // It may grow meanwhile, and files of the system's own (/proc) do not tell how large they are.
  let bytes = Buffer.alloc(Math.min(maxBytes, Math.max(size, MIN_READ_BYTES)) + 1)
  let length = 0
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length)
    length += bytesRead
    if (bytesRead === 0) return bytes.subarray(0, length)
    if (length > maxBytes) throw tooLarge(`more than ${maxBytes}`)
    if (length === bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(Math.min(length, maxBytes + 1 - length))])
  }
}

/** The same, as text. */
export async function readPlainFile(path: string, limit: { maxBytes: number }): Promise<string> {
  return (await readPlainBytes(path, limit)).toString()
}

/** Whether opening failed because there is a pipe, a device, a socket, or with `O_NOFOLLOW` a link. */
export const isNoPlainFile = (error: unknown): boolean =>
  ['EFTYPE', 'ENXIO', 'EOPNOTSUPP', 'ELOOP'].includes(systemCode(error) ?? '')

const systemError = (code: string, what: string): Error => Object.assign(new Error(`${code}: ${what}`), { code })
