import { lstat, realpath } from 'node:fs/promises'
import { EntryStat } from './entry-stat.ts'
import { absentOr } from './sighting.ts'

/** The folder that the path of a workspace leads to. */
export type RootPlace = {
  /** Without links. */
  path: string
  ino: EntryStat['ino']
  /** Which file system, and when the folder was made there: its inode may have been another's before. */
  origin: string
}

/** Undefined when there is no folder; trouble that says nothing about that is thrown. */
export async function placeAt(path: string): Promise<RootPlace | undefined> {
  try {
    const real = await realpath(path)
    const stat = await lstat(real, { bigint: true })
    const entry = EntryStat.of(stat)
    if (entry?.kind !== 'dir') return undefined
    return { path: real, ino: entry.ino, origin: `${stat.dev}:${stat.birthtimeNs}` }
  } catch (error) {
    return absentOr(error)
  }
}

export function isSamePlace(a: RootPlace, b: RootPlace): boolean {
  return a.path === b.path && a.ino === b.ino && a.origin === b.origin
}
