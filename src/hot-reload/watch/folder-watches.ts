import { type FSWatcher, type Stats, watch } from 'node:fs'
import { basename } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { isPassing } from '../../shared/passing-files.ts'

/** The system has no more watches to give. */
const EXHAUSTED = new Set(['ENOSPC', 'EMFILE', 'ENFILE'])

/** Names in a folder that matter; undefined: all. */
type Interest = Set<string> | undefined

/** Who wants to know of a folder. */
export type FolderListener = {
  /** Something of interest has happened. `isNewShape`: names came, went or moved, so other folders may matter now. */
  onEvent(isNewShape: boolean): void
}

type Wanted = { key?: string; exhausted?: string }

type WatchedFolder = {
  /** Under which it was opened. Links may lead to it under others. */
  readonly path: string
  readonly watcher: FSWatcher
  readonly listeners: Map<FolderListener, Interest>
}

/**
 * Watches single folders, without what is in their folders, each once however many want to know of it. Not with
 * chokidar: under Bun 1.4.5 its 6.0.0 misses up to half of the changes in a folder that was renamed or made anew (40
 * rounds; 1 of 40 under Node), because Bun hands out a dead watch for a path whose former watch is not closed yet.
 */
export class FolderWatches {
  readonly #log: Log
  readonly #pollMs: number
  /** By what they are, not by what they are called: one that is deleted and made anew is another. */
  readonly #folders = new Map<string, WatchedFolder>()
  readonly #keyOfPath = new Map<string, string>()
  readonly #starved = new Set<FolderListener>()

  constructor({ log, pollMs }: { log: Log; pollMs: number }) {
    this.#log = log
    this.#pollMs = pollMs
  }

  /**
   * From now on the listener is told of this name in the folder, too, or of all names. Gives the folder's key, or why the
   * system has no watch for it.
   */
  want(listener: FolderListener, path: string, stats: Stats, name: string | undefined): Wanted {
    const key = keyOf(path, stats)
    const folder = this.#folders.get(key) ?? this.#open(key, path)
    if (typeof folder === 'string') return { exhausted: folder }
    if (!folder) return { key }
    const { listeners } = folder
    if (name === undefined) listeners.set(listener, undefined)
    else if (!listeners.has(listener)) listeners.set(listener, new Set([name]))
    else listeners.get(listener)?.add(name)
    return { key }
  }

  /** The listener wants these folders and no others; `exhausted` says why it could not have them all. */
  settle(listener: FolderListener, keys: ReadonlySet<string>, exhausted: string | undefined): void {
    for (const [key, { listeners }] of this.#folders) {
      if (keys.has(key) || !listeners.delete(listener) || listeners.size > 0) continue
      this.#close(key)
    }
    const wereStarved = this.#starved.size > 0
    if (exhausted === undefined) this.#starved.delete(listener)
    else this.#starved.add(listener)
    const areStarved = this.#starved.size > 0
    if (areStarved && !wereStarved) this.#warn(exhausted)
    if (wereStarved && !areStarved) this.#log.info('The system has file watches again')
  }

  /** How many watches of the system are in use. */
  get count(): number {
    return this.#folders.size
  }

  close(): void {
    for (const key of [...this.#folders.keys()]) this.#close(key)
  }

  #open(key: string, path: string): WatchedFolder | string | undefined {
    const former = this.#keyOfPath.get(path)
    // Bun 1.4.5 would hand out the dead watch of the folder that was here before.
    if (former !== undefined) this.#end(former)
    try {
      const listeners: WatchedFolder['listeners'] = new Map()
      const watcher = watch(path, { persistent: false }, (event, name) => this.#tell(key, event, name))
      // It goes with its folder; the watch of the folder above tells.
      watcher.on('error', () => this.#end(key))
      const folder = { path, watcher, listeners }
      this.#folders.set(key, folder)
      this.#keyOfPath.set(path, key)
      return folder
    } catch (error) {
      const code = systemCode(error)
      if (code === undefined) throw error
      return EXHAUSTED.has(code) ? code : undefined // it went meanwhile, or may not be read
    }
  }

  #tell(key: string, event: string, name: string | null): void {
    const folder = this.#folders.get(key)
    if (!folder) return
    // Its own name: it was deleted or moved, and the watch is worth nothing any more; or it holds something of that name.
    if (name === null || name === basename(folder.path)) this.#end(key)
    else if (!isPassing(name)) this.#pass(folder, event, name)
  }

  #pass(folder: WatchedFolder, event: string, name: string): void {
    for (const [listener, interest] of [...folder.listeners])
      if (!interest || interest.has(name)) listener.onEvent(event === 'rename')
  }

  #end(key: string): void {
    const listeners = [...(this.#folders.get(key)?.listeners.keys() ?? [])]
    this.#close(key)
    for (const listener of listeners) listener.onEvent(true)
  }

  #close(key: string): void {
    const folder = this.#folders.get(key)
    if (!folder) return
    folder.watcher.close()
    this.#folders.delete(key)
    if (this.#keyOfPath.get(folder.path) === key) this.#keyOfPath.delete(folder.path)
  }

  #warn(code: string | undefined): void {
    this.#log.warn(
      `The system has no more file watches to give (${code}): what opencode reads is looked at every ${this.#pollMs} ms instead. ` +
        'Raise fs.inotify.max_user_watches and fs.inotify.max_user_instances, for instance with ' +
        '`sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=1024`',
    )
  }
}

/** Windows has no inode for every file system. */
const keyOf = (path: string, { dev, ino, birthtimeMs }: Stats): string =>
  ino === 0 ? `${path}:${birthtimeMs}` : `${dev}:${ino}:${birthtimeMs}`
