import { mkdir, mkdtemp, open, readdir, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf, OpenworkError, systemCode } from '../shared/errors.ts'
import { TEMP_PREFIX } from './cache-layout.ts'
import { withFileLock } from './file-lock.ts'

export type Installation = {
  /** For people: `opencode-linux-x64@1.18.33`. */
  what: string
  sidecarDir: string
  /** Where the finished program goes, in a folder of its own. */
  target: string
  /** Must be free on that disk before anything is fetched. */
  neededBytes: number
  onWait: () => void
  signal: AbortSignal | undefined
  /** Whether the target is already what it should be: another start may have made it while we waited. */
  isDone: (signal: AbortSignal) => Promise<boolean>
  /** Makes the program in the folder given, which goes away afterwards, and resolves to its path. */
  make: (folder: string, signal: AbortSignal) => Promise<string>
}

/**
 * Puts a program into the cache, complete or not at all. Any number of processes that want the same one make it once.
 * What stands in its place is replaced, and what a killed start left behind removed.
 *
 * @throws OpenworkError `disk_full`, `sidecar_dir_unusable`; whatever `make` throws; the reason of an aborted `signal`.
 *   In every case the cache holds what it held before
 */
export async function installOnce({ target, sidecarDir, onWait, isDone, make, ...what }: Installation): Promise<void> {
  const folder = dirname(target)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await withFileLock(folder, { onWait, signal: what.signal }, async signal => {
      if (await isDone(signal)) return
      await mkdir(folder, { recursive: true, mode: 0o700 }) // whoever had the lock may have been `cache gc`
      await removeLeftovers(folder)
      await requireSpace(folder, what)
      const temp = await mkdtemp(join(folder, TEMP_PREFIX))
      try {
        await putInPlace(await make(temp, signal), target, temp)
      } finally {
        await rm(temp, { recursive: true, force: true, maxRetries: 3 })
      }
    })
  } catch (error) {
    what.signal?.throwIfAborted()
    throw explainDisk(error, sidecarDir)
  }
}

/** What is in the way is set aside first: a running program cannot be overwritten on Windows, but it can be moved. */
async function putInPlace(binary: string, target: string, temp: string): Promise<void> {
  try {
    await rename(target, join(temp, 'replaced'))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  await rename(binary, target)
  if (process.platform === 'win32') return // folders cannot be synced there
  await using folder = await open(dirname(target), 'r')
  await folder.sync()
}

/** Only the holder of the lock makes temporary folders, so those that are there belong to starts that were killed. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(TEMP_PREFIX)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 })
}

async function requireSpace(
  folder: string,
  { what, neededBytes }: Pick<Installation, 'what' | 'neededBytes'>,
): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= neededBytes) return
  throw new OpenworkError(
    'disk_full',
    `${what} needs ${megabytes(neededBytes)} of space in ${folder}, ${megabytes(bavail * bsize)} are free`,
    { hint: 'Free some space, or put the sidecars on another disk with --sidecar-dir <path>.' },
  )
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`

function explainDisk(error: unknown, sidecarDir: string): unknown {
  const code = systemCode(error)
  const cause = messageOf(error)
  if (error instanceof OpenworkError || code === undefined) return error
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new OpenworkError('disk_full', `The disk that holds ${sidecarDir} is full: ${cause}`, {
      hint: 'Free some space, or put the sidecars on another disk with --sidecar-dir <path>.',
      cause: error,
    })
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG'].includes(code))
    return new OpenworkError('sidecar_dir_unusable', `${sidecarDir} cannot hold sidecars: ${cause}`, {
      hint: 'Make it a folder that you may write, or choose another one with --sidecar-dir <path>.',
      cause: error,
    })
  return error
}
