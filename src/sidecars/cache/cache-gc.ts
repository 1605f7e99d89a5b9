import { realpath, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { withFreeFileLock } from '../../shared/file-lock.ts'
import { explainDiskFailure } from '../fetch/disk.ts'
import { type CacheItem, compareVersions } from './cache-items.ts'
import { downloadsFolder, lockOf } from './cache-layout.ts'

export type GcChoice = {
  readonly item: CacheItem
  readonly remove: boolean
  /** In a few words, for the person who asked. */
  readonly reason: string
}

export type InUse = {
  /** Real paths of the programs of running hosts. */
  readonly paths: ReadonlySet<string>
  /** Workspaces of hosts that run and would not say what they use. */
  readonly silent: readonly string[]
}

/**
 * What goes: builds of other versions but the newest of them, which an upgrade may have to go back to; what is damaged;
 * what broken-off downloads left. `all` takes that newest one as well, and what openwork knows nothing about. What a
 * running host uses stays in any case, and while one cannot be asked every old build does.
 */
export function planGc(items: readonly CacheItem[], { all, inUse }: { all: boolean; inUse: InUse }): GcChoice[] {
  const choose = (item: CacheItem): Omit<GcChoice, 'item'> => {
    const keep = (reason: string) => ({ remove: false, reason })
    const remove = (reason: string) => ({ remove: true, reason })
    if (inUse.paths.has(item.path)) return keep('a running host uses it')
    switch (item.state) {
      case 'current':
        return keep('this version needs it')
      case 'busy':
        return keep('a download is going on')
      case 'damaged':
        return remove('damaged')
      case 'partial':
        return remove('left by a download that was broken off')
      case 'unknown':
        return all ? remove('not known') : keep('not known; --all removes it')
      case 'old':
        if (inUse.silent.length > 0) return keep('a running host that cannot be asked may use it')
        if (all || item.version !== newestOld(items, item.kind)) return remove('of another version')
        return keep('the version to go back to; --all removes it')
    }
  }
  return items.map(item => ({ item, ...choose(item) }))
}

const newestOld = (items: readonly CacheItem[], kind: CacheItem['kind']): string | undefined =>
  items
    .filter(item => item.kind === kind && item.state === 'old')
    .flatMap(({ version }) => version ?? [])
    .sort(compareVersions)
    .at(-1)

/**
 * Removes an item, unless a download has begun on it meanwhile, and the folders that are empty then. Follows no link.
 *
 * @returns whether it is gone
 * @throws OpenworkError `sidecar_dir_unusable`; the reason of an aborted `signal`
 */
export async function removeItem(dir: string, item: CacheItem, signal: AbortSignal | undefined): Promise<boolean> {
  const remove = async (): Promise<true> => {
    for (const file of item.files) await rm(file, { recursive: true, force: true, maxRetries: 3 })
    return true
  }
  try {
    const lockPath = lockPathOf(dir, item)
    const removed = lockPath === undefined ? await remove() : await withFreeFileLock(lockPath, signal, remove)
    if (removed) await removeEmptyFolders(dir, dirname(item.path))
    return removed ?? false
  } catch (error) {
    signal?.throwIfAborted()
    throw explainDiskFailure(error, dir)
  }
}

/** What is locked by those who write where the item is; undefined where nobody of ours does. */
function lockPathOf(dir: string, { kind, path }: CacheItem): string | undefined {
  if (kind === 'other') return undefined
  const suffix = lockOf('')
  if (path.endsWith(suffix)) return path.slice(0, -suffix.length)
  if (dirname(path) !== downloadsFolder(dir)) return dirname(path)
  return join(dirname(path), basename(path).replace(/\.part(?:\..*)?$/, ''))
}

async function removeEmptyFolders(dir: string, folder: string): Promise<void> {
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

/** With links resolved, so that it can be compared with what a process runs; as it is when there is no such file. */
export const realPathOf = (path: string): Promise<string> => realpath(path).catch(() => path)
