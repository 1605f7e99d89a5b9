import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { withFileLock } from '../../shared/file-lock.ts'
import { explainDiskFailure, requireFreeSpace } from '../fetch/disk.ts'
import { downloadsFolder, TEMP_PREFIX } from './cache-layout.ts'
import { removeEmptyFolders } from './remove-empty-folders.ts'

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
export async function installOnce(installation: Installation): Promise<void> {
  const { what, sidecarDir, target, neededBytes, onWait, signal, isDone, make } = installation
  const folder = dirname(target)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await withFileLock(folder, { onWait, signal }, async locked => {
      if (await isDone(locked)) return
      await mkdir(folder, { recursive: true, mode: 0o700 }) // whoever had the lock may have been `cache gc`
      await removeLeftovers(folder)
      await requireFreeSpace(folder, { what, bytes: neededBytes })
      const temp = await mkdtemp(join(folder, TEMP_PREFIX))
      try {
        await putInPlace(await make(temp, locked), target, temp)
      } finally {
        await rm(temp, { recursive: true, force: true, maxRetries: 3 })
      }
    })
  } catch (error) {
    // A process that works there has something in it, or makes it again.
    for (const made of [folder, downloadsFolder(sidecarDir)]) await removeEmptyFolders(sidecarDir, made)
    signal?.throwIfAborted()
    throw explainDiskFailure(error, sidecarDir)
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
