import type { Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError, unlessSystemError } from '../../shared/errors.ts'
import { parseJsonc } from '../../shared/jsonc.ts'
import { isPassing } from '../../shared/passing-files.ts'
import { readPlainBytes } from '../../shared/plain-file.ts'
import {
  DOT_FILES,
  DOT_FOLDER,
  DOT_TREES,
  type FileReason,
  type Item,
  ROOT_FILES,
  rootItem,
  treeItem,
} from './triggers.ts'

/** Longer files are told apart by size and time, not by their content. */
const MAX_HASHED_BYTES = 1024 * 1024

/** Trees of skills and commands are small. What is deeper, or more in one of them, is something else that got there. */
const MAX_DEPTH = 8
const MAX_ENTRIES = 5_000

/** No file system's clock is coarser (FAT). */
const TICK_MS = 2_000

type ScannedFile = { item: Item; fingerprint: string }

/** What a reload would take up, by absolute path. */
export type Scan = ReadonlyMap<string, ScannedFile>

export type ScanOptions = {
  /** Called with every folder before it is read: who watches it from then on misses nothing. */
  onFolder(path: string, stats: Stats): void
  /** Given each command file that is new or has changed; resolves to true when it has written the file anew. */
  repair(path: string, text: string): Promise<boolean>
}

/** Looks at everything that opencode reads when it starts in one workspace. Knows again what it has seen before. */
export class Scanner {
  readonly #root: string
  #known: ReadonlyMap<string, { stamp: string; fingerprint: string }> = new Map()

  constructor(root: string) {
    this.#root = root
  }

  async scan(options: ScanOptions): Promise<Scan> {
    const walk = new Walk(this.#known, options)
    if (await walk.enter(this.#root)) {
      await walk.files(this.#root, ROOT_FILES)
      const dot = join(this.#root, DOT_FOLDER)
      if (await walk.enter(dot)) {
        await walk.files(dot, DOT_FILES)
        for (const [name, reason] of DOT_TREES) await walk.tree(join(dot, name), reason)
      }
    }
    this.#known = walk.seen
    return walk.found
  }
}

class Walk {
  readonly found = new Map<string, ScannedFile>()
  readonly seen = new Map<string, { stamp: string; fingerprint: string }>()
  readonly #known: ReadonlyMap<string, { stamp: string; fingerprint: string }>
  readonly #options: ScanOptions
  /** Folders are entered once, whatever links lead to them. */
  readonly #entered = new Set<string>()
  #entries = 0

  constructor(known: ReadonlyMap<string, { stamp: string; fingerprint: string }>, options: ScanOptions) {
    this.#known = known
    this.#options = options
  }

  /** Whether there is such a folder, not been in yet. */
  async enter(path: string): Promise<boolean> {
    const stats = await statOrUndefined(path)
    if (!stats?.isDirectory()) return false
    // Windows has no inode for every file system.
    const identity = stats.ino === 0 ? path : `${stats.dev}:${stats.ino}`
    if (this.#entered.has(identity)) return false
    this.#entered.add(identity)
    this.#options.onFolder(path, stats)
    return true
  }

  async files(folder: string, names: ReadonlyMap<string, FileReason>): Promise<void> {
    for (const [name, reason] of names) {
      const path = join(folder, name)
      const stats = await statOrUndefined(path)
      if (stats?.isFile()) await this.#file(path, stats, rootItem(reason, path))
    }
  }

  async tree(root: string, reason: FileReason): Promise<void> {
    this.#entries = 0
    const entries = (await this.enter(root)) ? await namesIn(root) : []
    for (const entry of entries) {
      const path = join(root, entry)
      await this.#entry(path, treeItem(reason, path, entry), 1)
    }
  }

  async #entry(path: string, item: Item, depth: number): Promise<void> {
    if (++this.#entries > MAX_ENTRIES) return
    const stats = await statOrUndefined(path)
    if (stats?.isFile()) return this.#file(path, stats, item)
    if (!stats?.isDirectory() || depth >= MAX_DEPTH || !(await this.enter(path))) return
    for (const name of await namesIn(path)) await this.#entry(join(path, name), item, depth + 1)
  }

  async #file(path: string, stats: Stats, item: Item): Promise<void> {
    const stamp = stampOf(stats)
    const known = this.#known.get(path)
    const seen = known?.stamp === stamp ? known : await this.#read(path, stats, item)
    if (!seen) return
    this.seen.set(path, seen)
    this.found.set(path, { item, fingerprint: seen.fingerprint })
  }

  async #read(path: string, stats: Stats, item: Item): Promise<{ stamp: string; fingerprint: string } | undefined> {
    const stamp = stampOf(stats)
    if (stats.size > MAX_HASHED_BYTES) return { stamp, fingerprint: stamp }
    const content = await readPlainBytes(path, { maxBytes: MAX_HASHED_BYTES }).catch(unlessSystemError)
    if (!content) return { stamp, fingerprint: 'unreadable' }
    if (item.reason === 'commands' && (await this.#options.repair(path, content.toString()))) {
      const repaired = await statOrUndefined(path)
      return repaired && this.#read(path, repaired, item)
    }
    const fingerprint = await fingerprintOf(item.reason, path, content)
    // Changed just now, it may be changed once more in the same tick of the file system's clock: look again next time.
    return { stamp: Date.now() - stats.ctimeMs > TICK_MS ? stamp : '', fingerprint }
  }
}

/**
 * Different whenever opencode would read something else. It adds a `$schema` to settings without one itself (1.18.33), and
 * comments are for people.
 */
async function fingerprintOf(reason: FileReason, path: string, content: Buffer): Promise<string> {
  if (reason !== 'config') return Bun.SHA256.hash(content, 'hex')
  try {
    const { $schema: _schema, ...settings } = await parseJsonc(path, content.toString())
    return Bun.SHA256.hash(JSON.stringify(settings), 'hex')
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    return Bun.SHA256.hash(content, 'hex') // broken: one state of it is not another
  }
}

/** Different whenever the file may be; the change time cannot be set by programs that keep the modification time. */
const stampOf = ({ ino, size, mtimeMs, ctimeMs }: Stats): string => `${ino}:${size}:${mtimeMs}:${ctimeMs}`

const statOrUndefined = (path: string): Promise<Stats | undefined> => stat(path).catch(unlessSystemError)

/** In a stable order; none when the folder went meanwhile or may not be read. */
async function namesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(unlessSystemError)) ?? []
  return names.filter(name => !isPassing(name)).sort()
}
