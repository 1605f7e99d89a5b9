import type { Folder } from './folder.ts'

/** More names in one folder, and it is cheaper to look at all of it. */
const MANY_NAMES = 256

/** Folders to look at: at some names, or at all (undefined). */
export type Wanted = Map<Folder, Set<string> | undefined>

export function want(wanted: Wanted, folder: Folder, names: Iterable<string> | undefined): void {
  const known = wanted.get(folder)
  if (names === undefined || (wanted.has(folder) && known === undefined)) {
    wanted.set(folder, undefined)
    return
  }
  const all = known ?? new Set()
  for (const name of names) all.add(name)
  wanted.set(folder, all.size > MANY_NAMES ? undefined : all)
}
