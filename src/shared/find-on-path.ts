import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { systemCode } from './errors.ts'

/**
 * The first executable file of one of these names on PATH. Relative PATH entries are passed over: they would make a
 * file of the current folder count as installed.
 */
export async function findOnPath(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const path = Object.entries(env).find(([key]) => key.toUpperCase() === 'PATH')?.[1] ?? ''
  for (const folder of path.split(delimiter))
    for (const name of names) {
      const file = join(folder, name)
      if (isAbsolute(folder) && (await isExecutableFile(file))) return file
    }
  return undefined
}

/** Whether this is a file (links followed) that we may run. */
export async function isExecutableFile(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false
    await access(path, constants.X_OK)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'].includes(systemCode(error) ?? ''))
      return false
    throw error
  }
}
