import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { whoElseMayWrite } from '../sidecars/verify/own-folders.ts'

/**
 * Refuses a folder below one into which somebody else can put files: yarn runs the program that a `.yarnrc` in any folder
 * above its own names. A sticky bit keeps others from removing files, not from adding some. Nothing to see on Windows.
 *
 * @throws OpenworkError `upgrade_not_possible`
 */
export async function requireOwnFolders(path: string): Promise<void> {
  for (let folder = await existing(path); ; folder = dirname(folder)) {
    const risk = whoElseMayWrite(await stat(folder))
    if (risk !== undefined)
      throw new OpenworkError('upgrade_not_possible', `${folder} ${risk.problem}, and yarn runs what is put there`, {
        hint: 'Name a data dir below a folder that only you can write: `openwork upgrade --data-dir <folder>`.',
      })
    if (folder === dirname(folder)) return
  }
}

/** The path, or the nearest folder above it that is there. */
async function existing(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || path === dirname(path)) throw error
    return await existing(dirname(path))
  }
}
