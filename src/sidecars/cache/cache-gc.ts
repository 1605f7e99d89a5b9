import { realpath, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { withFreeFileLock } from '../../shared/file-lock.ts'
import { explainDiskFailure } from '../fetch/disk.ts'
import type { CacheItem } from './cache-items.ts'
import { lockOf, SCRATCH_PREFIXES } from './cache-layout.ts'
import { removeEmptyFolders } from './remove-empty-folders.ts'

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
 * what broken-off downloads left. `all` takes that newest one as well, and builds of opencode that nobody knows. What a running host
 * uses stays in any case, while one cannot be asked every old build does, and what we have not made is not ours to remove.
 */
export function planGc(items: readonly CacheItem[], { all, inUse }: { all: boolean; inUse: InUse }): GcChoice[] {
  const choose = (item: CacheItem): Omit<GcChoice, 'item'> => {
    const keep = (reason: string) => ({ remove: false, reason })
    const remove = (reason: string) => ({ remove: true, reason })
    if (inUse.paths.has(item.path)) return keep('a running host uses it')
    if (!item.isOurs && item.state !== 'unverified') return keep('not of openwork')
    switch (item.state) {
      case 'current':
        return keep('this version needs it')
      case 'unverified':
        return keep('of this version')
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
    .filter(item => item.kind === kind && item.state === 'old' && item.isOurs)
    .flatMap(({ version }) => version ?? [])
    .sort(Bun.semver.order)
    .at(-1)

/**
 * Removes an item of ours, unless a download has begun on it meanwhile, and the folders that are empty then. Follows no
 * link.
 *
 * @returns whether it is gone
 * @throws OpenworkError `sidecar_dir_unusable`; the reason of an aborted `signal`
 */
export async function removeItem(dir: string, item: CacheItem, signal: AbortSignal | undefined): Promise<boolean> {
  if (!item.isOurs) return false
  const removeAll = async (): Promise<boolean> => {
    for (const file of item.files) await remove(file)
    return true
  }
  try {
    // Locks that were left behind go when they are given back.
    const underLocks = item.locks.reduce(
      (work, lock) => async () => (await withFreeFileLock(lock, signal, work)) ?? false,
      removeAll,
    )
    const removed = await underLocks()
    for (const path of removed ? [...item.files, ...item.locks] : []) await removeEmptyFolders(dir, dirname(path))
    return removed
  } catch (error) {
    signal?.throwIfAborted()
    throw explainDiskFailure(error, dir)
  }
}

/** Of folders, only those whose names say that they are ours with all that is in them. */
async function remove(path: string): Promise<void> {
  if (path.endsWith(lockOf(''))) return
  const recursive = SCRATCH_PREFIXES.some(prefix => basename(path).startsWith(prefix))
  await rm(path, { recursive, force: true, maxRetries: 3 })
}

/** With links resolved, so that it can be compared with what a process runs; as it is when there is no such file. */
export const realPathOf = (path: string): Promise<string> => realpath(path).catch(() => path)
