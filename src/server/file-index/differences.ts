import type { EntryStat } from './entry-stat.ts'
import type { Folder } from './folder.ts'
import type { Sighting } from './sighting.ts'

/** A file or folder by the folder it is in. */
export type Spot = { readonly folder: Folder; readonly name: string; readonly stat: EntryStat }

export type Rename = { readonly from: Spot; readonly to: Spot }

export type Differences = {
  gone: Spot[]
  /** Parents before what they hold. */
  came: Spot[]
  /** Files with another revision. */
  changed: Spot[]
  /** Folders that are there as before, with what the disk says of them now. */
  kept: { readonly folder: Folder; readonly stat: EntryStat }[]
  renamed: Rename[]
}

/** What a sighting of a folder says that the index does not know, of the names that were looked for (all: undefined). */
export function findDifferences(
  folder: Folder,
  names: ReadonlySet<string> | undefined,
  { entries }: Sighting,
  found: Differences,
): void {
  for (const name of names ?? namesOf(folder)) {
    const known = knownStat(folder, name)
    if (known && entries.get(name)?.kind !== known.kind) found.gone.push({ folder, name, stat: known })
  }
  for (const [name, stat] of entries) {
    const known = knownStat(folder, name)
    const child = folder.folder(name)
    if (known?.kind !== stat.kind) found.came.push({ folder, name, stat })
    else if (child) found.kept.push({ folder: child, stat })
    else if (!known.equals(stat)) found.changed.push({ folder, name, stat })
  }
}

/**
 * Takes for a rename what is gone here and has come there as the same inode: for a file with its size and time as well,
 * since a new file may get the inode of a deleted one. Not when something else was under the new name: clients are to
 * hear of that, too.
 */
export function pairRenames(found: Differences): void {
  const goneByInode = new Map(found.gone.map(spot => [spot.stat.ino, spot]))
  const takenOver = new Set(found.gone.map(spotKey))
  const renamedFrom = new Set<Spot>()
  found.came = found.came.filter(to => {
    const from = goneByInode.get(to.stat.ino)
    if (!from || renamedFrom.has(from) || !isSame(from.stat, to.stat) || takenOver.has(spotKey(to))) return true
    renamedFrom.add(from)
    found.renamed.push({ from, to })
    return false
  })
  found.gone = found.gone.filter(spot => !renamedFrom.has(spot))
}

const isSame = (a: EntryStat, b: EntryStat): boolean =>
  a.kind === b.kind && (a.kind === 'dir' || (a.size === b.size && a.mtimeMs === b.mtimeMs))

const spotKey = ({ folder, name }: Spot): string => folder.pathOf(name)

const knownStat = (folder: Folder, name: string): EntryStat | undefined =>
  folder.file(name)?.stat ?? folder.folder(name)?.stat

const namesOf = (folder: Folder): string[] => [
  ...folder.files.map(({ name }) => name),
  ...folder.folders.map(({ name }) => name),
]
