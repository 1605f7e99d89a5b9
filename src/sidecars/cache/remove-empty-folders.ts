import { rmdir } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { systemCode } from '../../shared/errors.ts'

/** Removes a folder below `dir` if it is empty, and then those above it that are; never `dir` itself. */
export async function removeEmptyFolders(dir: string, folder: string): Promise<void> {
  for (let place = folder; isBelow(dir, place); place = dirname(place))
    try {
      await rmdir(place)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') continue
      return // not empty, or not ours to remove: it does no harm
    }
}

const isBelow = (dir: string, place: string): boolean => {
  const way = relative(dir, place)
  return way !== '' && way !== '..' && !/^\.\.[/\\]/.test(way)
}
