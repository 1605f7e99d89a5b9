import { lstatSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { EntryStat } from './entry-stat.ts'

/** Looks at one folder that run at the same time: more of them do not get through sooner. */
const PARALLEL_STATS = 256

/** What the disk said of a folder. */
export type Sighting = {
  /** Undefined when it is not there, or is no folder. */
  self: EntryStat | undefined
  /** By name: of all that was looked for, what is there and belongs in a catalog. */
  entries: ReadonlyMap<string, EntryStat>
}

/**
 * Looks at some names of a folder, at all when undefined. What must not be seen counts as absent; any other trouble is
 * thrown, lest files seem deleted because the system is short of something.
 */
export async function lookAt(
  path: string,
  names: ReadonlySet<string> | undefined,
  isIgnored: (name: string) => boolean,
): Promise<Sighting> {
  const entries = new Map<string, EntryStat>()
  const wanted = names ? [...names] : await namesIn(path)
  const kept = wanted.filter(name => !isIgnored(name))
  for (let start = 0; start < kept.length; start += PARALLEL_STATS) {
    const slice = kept.slice(start, start + PARALLEL_STATS)
    const stats = await Promise.all(slice.map(name => statOf(join(path, name))))
    for (const [index, stat] of stats.entries()) if (stat) entries.set(slice[index] ?? '', stat)
  }
  const self = await statOf(path)
  return { self: self?.kind === 'dir' ? self : undefined, entries }
}

/** Undefined for what is not there, and for links and special files, which no catalog shows. */
export async function statOf(path: string): Promise<EntryStat | undefined> {
  try {
    return EntryStat.of(await lstat(path, { bigint: true }))
  } catch (error) {
    return absentOr(error)
  }
}

/** As `statOf`, without letting anything happen in between. */
export function statNow(path: string): EntryStat | undefined {
  try {
    return EntryStat.of(lstatSync(path, { bigint: true }))
  } catch (error) {
    return absentOr(error)
  }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    const found = await readdir(path, { withFileTypes: true })
    return found.filter(entry => !entry.isSymbolicLink()).map(({ name }) => name)
  } catch (error) {
    absentOr(error)
    return []
  }
}

/** Errors that say: for us there is nothing here. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ENAMETOOLONG', 'ELOOP', 'EINVAL'])

function absentOr(error: unknown): undefined {
  if (!ABSENT.has(systemCode(error) ?? '')) throw error
}
