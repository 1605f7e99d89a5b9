import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { systemCode } from './errors.ts'

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
 * The text of a small file, as `openPlainFile` opens it.
 *
 * @throws a system error; its code is `EFBIG`, before anything is read, for a file larger than `maxBytes`
 */
export async function readPlainFile(path: string, { maxBytes }: { maxBytes: number }): Promise<string> {
  await using file = await openPlainFile(path)
  const { size } = await file.stat()
  if (size <= maxBytes) return await file.readFile('utf8')
  throw systemError('EFBIG', `${size} bytes, at most ${maxBytes} allowed, open '${path}'`)
}

/** Whether opening failed because there is a pipe, a device, a socket, or with `O_NOFOLLOW` a link. */
export const isNoPlainFile = (error: unknown): boolean =>
  ['EFTYPE', 'ENXIO', 'EOPNOTSUPP', 'ELOOP'].includes(systemCode(error) ?? '')

const systemError = (code: string, what: string): Error => Object.assign(new Error(`${code}: ${what}`), { code })
