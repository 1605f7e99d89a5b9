import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { isFileLocked } from '../../shared/file-lock.ts'
import { explainDiskFailure } from '../fetch/disk.ts'
import type { OpencodePins } from '../pins/opencode-pins.ts'
import {
  downloadsFolder,
  listedEntryPath,
  lockOf,
  opencodeBuilds,
  parseDownloadName,
  probedStore,
  SCRATCH_PREFIXES,
  VERSION_NAME,
  verifiedStore,
} from './cache-layout.ts'

/**
 * `current`: what this openwork was made with, as far as its size tells. `old`: of another version. `damaged`: under the
 * name of a known build, and not it. `unverified`: our executable, without a record of what it must be. `partial`: of a
 * download that was broken off. `busy`: of one that goes on.
 */
export type CacheState = 'current' | 'old' | 'damaged' | 'unverified' | 'partial' | 'busy' | 'unknown'

/** Something in the cache that is kept or goes as a whole. */
export type CacheItem = {
  readonly kind: 'opencode' | 'openwork' | 'download' | 'other'
  readonly state: CacheState
  /** The program where it is one. */
  readonly path: string
  /** What goes with it, itself included. */
  readonly files: readonly string[]
  /** What those have locked who write it. */
  readonly locks: readonly string[]
  /**
   * Whether it has a name, at a place, that only we give. Whatever else there is may be somebody's who has pointed us at
   * a folder of theirs, and is left alone.
   */
  readonly isOurs: boolean
  readonly version: string | undefined
  /** `linux-x64-baseline` */
  readonly target: string | undefined
  /** Undefined for a folder that is not ours: nobody looks into it. */
  readonly bytes: number | undefined
  readonly modifiedMs: number
  /** Follows the path in a sentence. */
  readonly problem: string | undefined
}

/** What this openwork was made with. */
export type Made = { readonly version: string; readonly pins: OpencodePins }

const BUILD_NAME = /^opencode-[a-z0-9]+-[a-z0-9]+(?:-baseline)?(?:-musl)?$/
const PLATFORM_NAME = /^(?:linux|darwin|windows)-(?:x64|arm64)(?:-musl)?$/
const LOCK_SUFFIX = lockOf('')
const OPENCODE_FILES = ['opencode', 'opencode.exe']
const OWN_FILES = ['openwork', 'openwork.exe']
/** Stands beside our executable: links to it, and what the manifest said of it. */
const OWN_COMPANIONS = [
  ...['openwork-server', 'opencode-router'].flatMap(name => [name, `${name}.exe`]),
  basename(listedEntryPath('')),
]
const STORES = [verifiedStore, probedStore].map(place => basename(place('')))

/**
 * Everything in a cache folder, builds of opencode first, newest version first. Looks at names and sizes and reads no
 * program; follows no link below `dir`, and looks into no folder that is not ours. Empty when there is no such folder.
 *
 * @throws OpenworkError `sidecar_dir_unusable`
 */
export async function listCache(dir: string, made: Made): Promise<CacheItem[]> {
  try {
    const found: Found[] = []
    for (const entry of await namesIn(dir)) found.push(...(await itemsAt(join(dir, entry.name), entry, made)))
    const items = found.filter(one => 'kind' in one)
    const pieces = found.filter(one => 'download' in one)
    return [...items, ...(await downloadsOf(pieces))].sort(byRank)
  } catch (error) {
    throw explainDiskFailure(error, dir)
  }
}

/** Whether a folder is a cache of ours: it holds nothing, or something that only we write. */
export const isCache = async (dir: string, items: readonly CacheItem[]): Promise<boolean> =>
  items.length === 0 || items.some(({ isOurs }) => isOurs) || (await namesIn(dir)).some(({ name }) => isStore(name))

const isStore = (name: string): boolean => STORES.includes(name)

/** Something of a download: a lock, a scratch folder, or what has arrived. */
type DownloadPiece = {
  /** Which one: `opencode-linux-x64-1.18.33`. */
  readonly download: string
  readonly version: string
  readonly target: string
  readonly path: string
  readonly lock: string
  readonly bytes: number
  readonly modifiedMs: number
}

type Found = CacheItem | DownloadPiece

const RANK: readonly CacheItem['kind'][] = ['opencode', 'openwork', 'download', 'other']

const byRank = (a: CacheItem, b: CacheItem): number =>
  RANK.indexOf(a.kind) - RANK.indexOf(b.kind) ||
  (a.version !== undefined && b.version !== undefined ? Bun.semver.order(b.version, a.version) : 0) ||
  (a.path < b.path ? -1 : 1)

async function itemsAt(path: string, entry: Dirent, made: Made): Promise<Found[]> {
  if (isStore(entry.name)) return []
  if (!entry.isDirectory()) return foreignItem(path)
  if (path === opencodeBuilds(dirname(path))) return opencodeItems(path, made)
  if (path === downloadsFolder(dirname(path))) return transferPieces(path)
  return VERSION_NAME.test(entry.name) ? ownItems(path, made) : foreignItem(path)
}

async function opencodeItems(root: string, made: Made): Promise<Found[]> {
  const items: Found[] = []
  for (const version of await namesIn(root)) {
    const folder = join(root, version.name)
    if (!version.isDirectory() || !VERSION_NAME.test(version.name)) items.push(...(await foreignItem(folder)))
    else items.push(...(await versionItems(folder, BUILD_NAME, name => opencodeItem(name, version.name, made))))
  }
  return items
}

/** Our own executables of one version. */
const ownItems = (folder: string, made: Made): Promise<Found[]> =>
  versionItems(folder, PLATFORM_NAME, name => ownItem(name, basename(folder), made))

type Judgement = Pick<CacheItem, 'state' | 'problem' | 'isOurs'>

/** What is known of the programs in the folder of a build. */
type Build = Pick<CacheItem, 'kind' | 'version' | 'target'> & {
  readonly version: string
  readonly target: string
  readonly programs: readonly string[]
  readonly companions: readonly string[]
  judge: (path: string, found: Stats) => Promise<Judgement>
}

/** The builds of one version, with what lies beside them. */
async function versionItems(folder: string, buildName: RegExp, buildOf: (name: string) => Build): Promise<Found[]> {
  const items: Found[] = []
  for (const entry of await namesIn(folder)) {
    const path = join(folder, entry.name)
    const name = entry.name.endsWith(LOCK_SUFFIX) ? entry.name.slice(0, -LOCK_SUFFIX.length) : entry.name
    if (!entry.isDirectory() || !buildName.test(name)) items.push(...(await foreignItem(path)))
    else if (name !== entry.name) items.push(...(await pieceItem(path, buildOf(name), join(folder, name))))
    else items.push(...(await buildItems(path, buildOf(name))))
  }
  return items
}

async function buildItems(folder: string, build: Build): Promise<Found[]> {
  const entries = await namesIn(folder)
  const isProgram = ({ name }: Dirent): boolean => build.programs.includes(name)
  const isScratch = (entry: Dirent): boolean =>
    entry.isDirectory() && SCRATCH_PREFIXES.some(prefix => entry.name.startsWith(prefix))
  const program = entries.find(isProgram)
  const companions = entries.filter(({ name }) => build.companions.includes(name)).map(({ name }) => name)
  const items: Found[] = []
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (program !== undefined && companions.includes(entry.name)) continue // listed with it
    if (isScratch(entry)) items.push(...(await pieceItem(path, build, folder)))
    else if (!isProgram(entry)) items.push(...(await foreignItem(path)))
    else
      for (const found of await lookAt(path)) {
        const { kind, version, target } = build
        const files = [path, ...(entry === program ? companions.map(name => join(folder, name)) : [])]
        const facts = {
          ...factsOf(path, found),
          kind,
          version,
          target,
          files,
          locks: [folder],
        }
        const judged = await build.judge(path, found)
        items.push({ ...facts, ...judged, isOurs: judged.isOurs && !found.isDirectory() })
      }
  }
  return items
}

function opencodeItem(name: string, version: string, { pins }: Made): Build {
  const isOld = version !== pins.version
  const pin = Object.hasOwn(pins.packages, name) ? pins.packages[name] : undefined
  return {
    kind: 'opencode',
    version,
    target: name.replace(/^opencode-/, ''),
    programs: OPENCODE_FILES,
    companions: [],
    judge: async (_, found) => {
      if (!isOld && pin === undefined)
        return { state: 'unknown', problem: 'is a build that this openwork knows no hash of', isOurs: true }
      return { ...judge(found, isOld ? undefined : pin?.size, isOld ? 'old' : 'current'), isOurs: true }
    },
  }
}

function ownItem(target: string, version: string, made: Made): Build {
  return {
    kind: 'openwork',
    version,
    target,
    programs: OWN_FILES,
    companions: OWN_COMPANIONS,
    judge: async (path, found) => {
      const { readListedEntry } = await import('../release/listed-entry.ts')
      const listed = await readListedEntry(path)
      // Anybody may have a program of this name. Ours has beside it what the manifest said of it.
      const isOurs = listed?.version === version
      const state = version !== made.version ? 'old' : isOurs ? 'current' : 'unverified'
      return { ...judge(found, isOurs ? listed.size : undefined, state), isOurs }
    },
  }
}

function judge(
  found: Stats,
  size: number | undefined,
  state: 'current' | 'old' | 'unverified',
): Omit<Judgement, 'isOurs'> {
  if (!found.isFile()) return { state: 'damaged', problem: 'is not a file' }
  if (size !== undefined && found.size !== size)
    return { state: 'damaged', problem: `has ${found.size} bytes, expected ${size}` }
  return { state, problem: undefined }
}

/** What has arrived of archives, and its locks. */
async function transferPieces(folder: string): Promise<Found[]> {
  const items: Found[] = []
  for (const entry of await namesIn(folder)) {
    const path = join(folder, entry.name)
    const parsed = parseDownloadName(entry.name)
    if (parsed === undefined || entry.isDirectory() !== entry.name.endsWith(LOCK_SUFFIX))
      items.push(...(await foreignItem(path)))
    else items.push(...(await pieceAt(path, { ...parsed, lock: join(folder, parsed.file) })))
  }
  return items
}

const pieceItem = (path: string, { kind, version, target }: Build, lock: string): Promise<DownloadPiece[]> =>
  pieceAt(path, { download: `${kind}-${target}-${version}`, version, target, lock })

const pieceAt = async (
  path: string,
  known: Pick<DownloadPiece, 'download' | 'version' | 'target' | 'lock'>,
): Promise<DownloadPiece[]> => {
  const pieces: DownloadPiece[] = []
  for (const found of await lookAt(path)) {
    const bytes = found.isDirectory() ? await bytesBelow(path) : found.size
    const { download, version, target, lock } = known
    pieces.push({ download, version, target, lock, path, bytes, modifiedMs: Math.floor(found.mtimeMs) })
  }
  return pieces
}

/** One item for each download, named after the largest of its pieces. While it goes on, one of its locks is held. */
async function downloadsOf(pieces: readonly DownloadPiece[]): Promise<CacheItem[]> {
  const items: CacheItem[] = []
  for (const own of Map.groupBy(pieces, ({ download }) => download).values()) {
    const [largest] = own.toSorted((a, b) => b.bytes - a.bytes)
    if (largest === undefined) continue
    const locks = [...new Set(own.map(({ lock }) => lock))]
    const isBusy = (await Promise.all(locks.map(isFileLocked))).includes(true)
    items.push({
      kind: 'download',
      state: isBusy ? 'busy' : 'partial',
      path: largest.path,
      files: own.map(({ path }) => path),
      locks,
      isOurs: true,
      version: largest.version,
      target: largest.target,
      bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
      modifiedMs: Math.max(...own.map(({ modifiedMs }) => modifiedMs)),
      problem: undefined,
    })
  }
  return items
}

/** Something that we did not put there. */
async function foreignItem(path: string): Promise<CacheItem[]> {
  const nothing = { version: undefined, target: undefined, problem: undefined, locks: [], isOurs: false }
  return (await lookAt(path)).map(found => ({
    ...factsOf(path, found),
    ...nothing,
    kind: 'other',
    state: 'unknown',
    bytes: found.isDirectory() ? undefined : found.size,
  }))
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
