import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { isFileLocked } from '../../shared/file-lock.ts'
import { explainDiskFailure } from '../fetch/disk.ts'
import type { OpencodePins } from '../pins/opencode-pins.ts'
import { downloadsFolder, lockOf, opencodeBuilds, probedStore, TEMP_PREFIX, verifiedStore } from './cache-layout.ts'

/**
 * `current`: what this openwork was made with, as far as its size tells. `old`: of another version. `damaged`: under the
 * name of a pinned build, and not it. `partial`: of a download that was broken off. `busy`: of one that goes on.
 */
export type CacheState = 'current' | 'old' | 'damaged' | 'partial' | 'busy' | 'unknown'

/** Something in the cache that is kept or goes as a whole. */
export type CacheItem = {
  readonly kind: 'opencode' | 'openwork' | 'download' | 'other'
  readonly state: CacheState
  /** The program where it is one. */
  readonly path: string
  /** What goes with it, itself included. */
  readonly files: readonly string[]
  readonly version: string | undefined
  /** `linux-x64-baseline` */
  readonly target: string | undefined
  readonly bytes: number
  readonly modifiedMs: number
  /** Follows the path in a sentence. */
  readonly problem: string | undefined
}

/** What this openwork was made with. */
export type Made = { readonly version: string; readonly pins: OpencodePins }

const VERSION_NAME = /^\d+\.\d+\.\d+[\w.+-]*$/
const PACKAGE_PREFIX = 'opencode-'
const LOCK_SUFFIX = lockOf('')
const OPENCODE_FILES = ['opencode', 'opencode.exe']
const OWN_FILES = ['openwork', 'openwork.exe']
/** Stands beside our executable as links to it. */
const OWN_LINKS = ['openwork-server', 'opencode-router'].flatMap(name => [name, `${name}.exe`])

/**
 * Everything in a cache folder, builds of opencode first, newest version first. Looks at names and sizes and reads no
 * file; follows no link below `dir`. Empty when there is no such folder.
 *
 * @throws OpenworkError `sidecar_dir_unusable`
 */
export async function listCache(dir: string, made: Made): Promise<CacheItem[]> {
  try {
    const items: CacheItem[] = []
    for (const entry of await namesIn(dir)) items.push(...(await itemsAt(join(dir, entry.name), entry, made)))
    // A part belongs to no one folder: while anything is being fetched, it may be this.
    const isBusy = items.some(({ state }) => state === 'busy')
    return items
      .map(item => (isBusy && item.kind === 'download' ? { ...item, state: 'busy' as const } : item))
      .sort(byRank)
  } catch (error) {
    throw explainDiskFailure(error, dir)
  }
}

const RANK: readonly CacheItem['kind'][] = ['opencode', 'openwork', 'download', 'other']

const byRank = (a: CacheItem, b: CacheItem): number =>
  RANK.indexOf(a.kind) - RANK.indexOf(b.kind) ||
  (a.version !== undefined && b.version !== undefined ? compareVersions(b.version, a.version) : 0) ||
  (a.path < b.path ? -1 : 1)

/** Negative when `a` is the older one. */
export const compareVersions = (a: string, b: string): number => Bun.semver.order(a, b)

async function itemsAt(path: string, entry: Dirent, made: Made): Promise<CacheItem[]> {
  const stores = [verifiedStore, probedStore].map(place => basename(place('')))
  if (stores.includes(entry.name)) return []
  if (!entry.isDirectory()) return otherItem(path)
  if (entry.name === basename(opencodeBuilds(''))) return opencodeItems(path, made)
  if (entry.name === basename(downloadsFolder(''))) return downloadItems(path)
  return VERSION_NAME.test(entry.name) ? ownItems(path, made) : otherItem(path)
}

async function opencodeItems(root: string, made: Made): Promise<CacheItem[]> {
  const items: CacheItem[] = []
  for (const version of await namesIn(root)) {
    const folder = join(root, version.name)
    if (!version.isDirectory() || !VERSION_NAME.test(version.name)) {
      items.push(...(await otherItem(folder)))
      continue
    }
    for (const build of await namesIn(folder)) {
      const path = join(folder, build.name)
      if (build.isDirectory() && build.name.endsWith(LOCK_SUFFIX)) items.push(...(await lockItem(path)))
      else if (build.isDirectory() && build.name.startsWith(PACKAGE_PREFIX))
        items.push(...(await buildItems(path, { name: build.name, version: version.name }, made)))
      else items.push(...(await otherItem(path)))
    }
  }
  return items
}

/** A build with what lies beside it. */
async function buildItems(
  folder: string,
  { name, version }: { name: string; version: string },
  { pins }: Made,
): Promise<CacheItem[]> {
  const isOld = version !== pins.version
  const items: CacheItem[] = []
  for (const entry of await namesIn(folder)) {
    const path = join(folder, entry.name)
    if (entry.name.startsWith(TEMP_PREFIX)) items.push(...(await temporaryItem(path, await isFileLocked(folder))))
    else if (!OPENCODE_FILES.includes(entry.name)) items.push(...(await otherItem(path)))
    else
      for (const found of await lookAt(path)) {
        const size = isOld ? undefined : pins.packages[name]?.size
        const target = name.slice(PACKAGE_PREFIX.length)
        items.push({ ...factsOf(path, found), kind: 'opencode', version, target, ...judge(found, { size, isOld }) })
      }
  }
  return items
}

function judge(
  found: Stats,
  { size, isOld }: { size: number | undefined; isOld: boolean },
): Pick<CacheItem, 'state' | 'problem'> {
  if (!found.isFile()) return { state: 'damaged', problem: 'is not a file' }
  if (isOld) return { state: 'old', problem: undefined }
  if (size === undefined) return { state: 'unknown', problem: 'is a build that this openwork knows no hash of' }
  if (found.size !== size) return { state: 'damaged', problem: `has ${found.size} bytes, expected ${size}` }
  return { state: 'current', problem: undefined }
}

async function downloadItems(folder: string): Promise<CacheItem[]> {
  const items: CacheItem[] = []
  for (const { name } of await namesIn(folder)) {
    const path = join(folder, name)
    items.push(...(name.endsWith(LOCK_SUFFIX) ? await lockItem(path) : await temporaryItem(path, false)))
  }
  return items
}

/** Our own executables of one version. */
async function ownItems(folder: string, made: Made): Promise<CacheItem[]> {
  const items: CacheItem[] = []
  for (const platform of await namesIn(folder)) {
    const path = join(folder, platform.name)
    if (!platform.isDirectory()) items.push(...(await otherItem(path)))
    else if (platform.name.endsWith(LOCK_SUFFIX)) items.push(...(await lockItem(path)))
    else items.push(...(await ownBuildItems(path, basename(folder), made)))
  }
  return items
}

async function ownBuildItems(folder: string, version: string, made: Made): Promise<CacheItem[]> {
  const names = (await namesIn(folder)).map(({ name }) => name)
  const program = names.find(name => OWN_FILES.includes(name))
  const links = program === undefined ? [] : names.filter(name => OWN_LINKS.includes(name))
  const items: CacheItem[] = []
  for (const name of names) {
    const path = join(folder, name)
    if (links.includes(name)) continue
    if (name.startsWith(TEMP_PREFIX)) items.push(...(await temporaryItem(path, await isFileLocked(folder))))
    else if (name !== program) items.push(...(await otherItem(path)))
    else
      for (const found of await lookAt(path)) {
        const files = [path, ...links.map(link => join(folder, link))]
        const judged = judge(found, { size: found.size, isOld: version !== made.version })
        const target = basename(folder)
        items.push({ ...factsOf(path, found), kind: 'openwork', files, version, target, ...judged })
      }
  }
  return items
}

async function temporaryItem(path: string, busy: boolean): Promise<CacheItem[]> {
  const state = busy ? 'busy' : 'partial'
  return (await otherItem(path)).map(item => ({ ...item, kind: 'download', state }))
}

/** A lock that is held is part of a download that goes on; one that is not was left by a kill. */
const lockItem = async (path: string): Promise<CacheItem[]> =>
  temporaryItem(path, await isFileLocked(path.slice(0, -LOCK_SUFFIX.length)))

async function otherItem(path: string): Promise<CacheItem[]> {
  const items: CacheItem[] = []
  for (const found of await lookAt(path)) {
    const bytes = found.isDirectory() ? await bytesBelow(path) : found.size
    const nothing = { version: undefined, target: undefined, problem: undefined }
    items.push({ ...factsOf(path, found), ...nothing, kind: 'other', state: 'unknown', bytes })
  }
  return items
}

const factsOf = (path: string, found: Stats): Pick<CacheItem, 'path' | 'files' | 'bytes' | 'modifiedMs'> => ({
  path,
  files: [path],
  bytes: found.size,
  modifiedMs: Math.floor(found.mtimeMs),
})

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await namesIn(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) bytes += await bytesBelow(path)
    else for (const { size } of await lookAt(path)) bytes += size
  }
  return bytes
}

/** One or none: a download that has just ended takes its files away while we look. */
async function lookAt(path: string): Promise<Stats[]> {
  try {
    return [await lstat(path)]
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

async function namesIn(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
