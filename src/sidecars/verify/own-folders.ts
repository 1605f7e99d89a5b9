import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'

/** The part of `path` that lies below `folder`; undefined when it does not. */
export function pathBelow(folder: string, path: string): string | undefined {
  const below = relative(folder, path)
  return below === '' || below.split(sep)[0] === '..' || isAbsolute(below) ? undefined : below
}

/**
 * Refuses a place in the sidecar folder where others could put another file than the one that was verified, before it is
 * started or started again: its folder and those above it, up to the sidecar folder, must be ours alone. What is above
 * that is the choice of whoever named it. On Windows the folders of a user are closed to others anyway.
 *
 * @throws OpenworkError `sidecar_dir_unusable`
 */
export async function requireOwnFolders(sidecarDir: string, path: string): Promise<void> {
  const names = pathBelow(sidecarDir, dirname(path))?.split(sep) ?? []
  const folders = [sidecarDir, ...names.map((_, at) => join(sidecarDir, ...names.slice(0, at + 1)))]
  for (const folder of folders) {
    const found = await statIfThere(folder)
    if (found === undefined) return
    const risk = whoElseMayWrite(found)
    if (risk === undefined || (risk.by === 'mode' && isSticky(found))) continue
    const cure =
      risk.by === 'owner'
        ? `Make it yours, as root: chown -R ${process.getuid?.()} ${folder}`
        : `Take that right away: chmod -R go-w ${folder}`
    throw new OpenworkError(
      'sidecar_dir_unusable',
      `${folder} cannot hold sidecars: it ${risk.problem}, who could exchange what was verified`,
      { hint: `${cure}. Or name another folder with --sidecar-dir <path>.` },
    )
  }
}

type Risk = { by: 'owner' | 'mode'; problem: string }

/**
 * Who could change a file or folder, besides us and root. The user's own primary group may where that is the user alone
 * and has the same number, as on Debian and Fedora: folders are often made with that right. It may not where it is one of
 * many users, such as `users` or `staff`. Undefined also on Windows.
 */
export function whoElseMayWrite({ uid, gid, mode }: Stats): Risk | undefined {
  if (process.getuid === undefined) return undefined
  if (uid !== process.getuid() && uid !== 0) return { by: 'owner', problem: `belongs to the user ${uid}` }
  if ((mode & 0o002) !== 0) return { by: 'mode', problem: 'may be written by every user' }
  const isUserAlone = gid === process.getegid?.() && gid === process.getuid()
  if ((mode & 0o020) !== 0 && !isUserAlone) return { by: 'mode', problem: `may be written by the group ${gid}` }
  return undefined
}

/** As /tmp is: others may add to it, but not take the place of what is there. */
const isSticky = ({ mode }: Stats): boolean => (mode & 0o1000) !== 0

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return undefined // whoever opens it finds out
    throw error
  }
}
