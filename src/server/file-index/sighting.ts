import { constants, lstatSync } from 'node:fs'
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { EntryStat } from './entry-stat.ts'

/** Files of one folder that are looked at together: more of them do not get through sooner. */
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
 * thrown, lest files seem deleted because the system is short of something. On Linux all of a sighting is of one and the
 * same folder, the one with the inode of `self`, even when the path leads elsewhere meanwhile.
 */
export async function lookAt(
  path: string,
  names: ReadonlySet<string> | undefined,
  isIgnored: (name: string) => boolean,
): Promise<Sighting> {
  if (process.platform !== 'linux')
    return { entries: await statsIn(path, names, isIgnored), self: await folderAt(path) }
  let held: FileHandle
  try {
    held = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    absentOr(error)
    return { entries: new Map(), self: UNREADABLE.has(systemCode(error) ?? '') ? await folderAt(path) : undefined }
  }
  try {
    const entries = await statsIn(`/proc/self/fd/${held.fd}`, names, isIgnored)
    return { entries, self: EntryStat.of(await held.stat({ bigint: true })) }
  } finally {
    await held.close()
  }
}

async function folderAt(path: string): Promise<EntryStat | undefined> {
  const stat = await statOf(path)
  return stat?.kind === 'dir' ? stat : undefined
}

async function statsIn(
  path: string,
  names: ReadonlySet<string> | undefined,
  isIgnored: (name: string) => boolean,
): Promise<ReadonlyMap<string, EntryStat>> {
  const entries = new Map<string, EntryStat>()
  const wanted = names ? [...names] : await namesIn(path)
  const kept = wanted.filter(name => !isIgnored(name))
  for (let start = 0; start < kept.length; start += PARALLEL_STATS) {
    const slice = kept.slice(start, start + PARALLEL_STATS)
    const stats = await Promise.all(slice.map(name => statOf(join(path, name))))
    for (const [index, stat] of stats.entries()) if (stat) entries.set(slice[index] ?? '', stat)
  }
  return entries
}

/** Undefined for what is not there, and for links and special files, which no catalog shows. */
async function statOf(path: string): Promise<EntryStat | undefined> {
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

const UNREADABLE = new Set(['EACCES', 'EPERM'])

/** Errors that say: for us there is nothing here. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EINVAL', ...UNREADABLE])

/** For an error that says so; throws every other. */
export function absentOr(error: unknown): undefined {
  if (!ABSENT.has(systemCode(error) ?? '')) throw error
}
