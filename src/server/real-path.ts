import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { systemCode } from '../shared/errors.ts'

/** The path with all links of its folders followed; what does not exist yet is kept as it is named. */
export function realPathOf(path: string): string {
  const names: string[] = []
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    try {
      return join(realpathSync.native(folder), ...names)
    } catch (error) {
      // The root is there; what may not be looked at is judged by its name.
      if (systemCode(error) === undefined || folder === dirname(folder)) throw error
      names.unshift(basename(folder))
    }
  }
}

/** Whether a folder is `root` or below it; both absolute and real. */
export const isWithin = (root: string, folder: string): boolean =>
  folder === root || folder.startsWith(root.endsWith(sep) ? root : root + sep)
