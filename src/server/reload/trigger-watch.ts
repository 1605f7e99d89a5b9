import { type FSWatcher, type Stats, watch } from 'node:fs'
import { basename, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { type Change, changesBetween } from './changes.ts'
import { repairCommand } from './repair-command.ts'
import { type Scan, Scanner } from './scan.ts'
import { DOT_FILES, DOT_FOLDER, DOT_TREES, isIgnored, ROOT_FILES } from './triggers.ts'

/** Without watchers (the system has no more of them) it is looked at anew so often. */
const POLL_MS = 5_000

export type TriggerWatchOptions = {
  /** The workspace's folder. */
  root: string
  /** So long nothing may happen before it counts as done. */
  quietMs: number
  /** Whether command files may be repaired. */
  writes: boolean
  log: Log
  /** After each quiet: what is different from the last one, which may be nothing. */
  onQuiet(changes: readonly Change[]): void
}

type Watched = { watcher: FSWatcher | undefined; identity: string }

/**
 * Watches what opencode reads when it starts in a folder. What the system reports is a hint only: after a while of quiet
 * everything is looked at, and what is told is what differs. Only the folders in question are watched, each by itself,
 * so the rest of a big project costs nothing. The caller stops it.
 */
export class TriggerWatch {
  readonly #options: TriggerWatchOptions
  readonly #scanner: Scanner
  readonly #watched = new Map<string, Watched>()
  #last: Scan = new Map()
  #work: Promise<void>
  #quiet: ReturnType<typeof setTimeout> | undefined
  #polling: ReturnType<typeof setInterval> | undefined
  #stopped = false

  constructor(options: TriggerWatchOptions) {
    this.#options = options
    this.#scanner = new Scanner(options.root)
    this.#work = this.#begin()
  }

  /** Resolves when everything that changes from then on will be noticed. */
  get watching(): Promise<void> {
    // It rests; or the project's folder was not there, or was taken away: nothing tells when it comes back.
    this.#work = this.#work.then(() => (this.#watched.size === 0 ? this.#compare() : undefined))
    return this.#work
  }

  /** Something has changed, or may have. */
  hint(): void {
    if (this.#stopped) return
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined
      this.#work = this.#work.then(() => this.#compare())
    }, this.#options.quietMs)
  }

  /** Watches no more until somebody waits for `watching`, and tells then what has changed meanwhile. */
  rest(): void {
    this.#work = this.#work.then(() => {
      if (this.#quiet === undefined) this.#unwatchAll() // else something waits to be told
    })
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#quiet)
    this.#unwatchAll()
  }

  #unwatchAll(): void {
    clearInterval(this.#polling)
    this.#polling = undefined
    for (const { watcher } of this.#watched.values()) watcher?.close()
    this.#watched.clear()
  }

  async #begin(): Promise<void> {
    this.#last = await this.#scan()
  }

  async #compare(): Promise<void> {
    if (this.#stopped) return
    const now = await this.#scan()
    if (this.#stopped) return
    const changes = changesBetween(this.#last, now)
    this.#last = now
    this.#options.onQuiet(changes)
  }

  /** Never rejects: what is thrown here and is no system error is a bug, and is logged as one. */
  async #scan(): Promise<Scan> {
    const { root, writes, log } = this.#options
    const visited = new Set<string>()
    try {
      const scan = await this.#scanner.scan({
        onFolder: (path, stats) => {
          visited.add(path)
          if (!this.#stopped) this.#watch(path, stats)
        },
        repair: async (path, text) => writes && repairCommand(root, path, text, log),
      })
      for (const path of this.#watched.keys()) if (!visited.has(path)) this.#unwatch(path)
      return scan
    } catch (error) {
      log.error(`Looking for changes in ${root} failed: ${error instanceof Error ? error.stack : String(error)}`)
      return this.#last
    }
  }

  #watch(path: string, { dev, ino, birthtimeMs }: Stats): void {
    const identity = `${dev}:${ino}:${birthtimeMs}`
    // A folder that was replaced by another of the same name is a new one: the old watcher would be silent for ever.
    if (this.#watched.get(path)?.identity === identity) return
    this.#unwatch(path)
    this.#watched.set(path, { watcher: this.#watcherOf(path), identity })
  }

  #watcherOf(path: string): FSWatcher | undefined {
    const isInteresting = this.#interestIn(path)
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        // Its own name: it was deleted or moved. Who held the dead watch would have Bun 1.4.5 hand it out for the path again.
        const isOwn = name === basename(path)
        if (isOwn && this.#watched.get(path)?.watcher === watcher) this.#unwatch(path)
        if (isOwn || name === null || isInteresting(name)) this.hint()
      })
      // It goes with its folder; the watcher of the folder above tells.
      watcher.on('error', () => this.hint())
      return watcher
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      if (systemCode(error) !== 'ENOENT') this.#poll(path, error)
      return undefined
    }
  }

  /** The root of a project is a busy place; a few names there are ours. */
  #interestIn(path: string): (name: string) => boolean {
    const { root } = this.#options
    if (path === root) return name => ROOT_FILES.has(name) || name === DOT_FOLDER
    if (path === join(root, DOT_FOLDER)) return name => DOT_FILES.has(name) || DOT_TREES.has(name)
    return name => !isIgnored(name)
  }

  #poll(path: string, error: unknown): void {
    if (this.#polling) return
    this.#options.log.warn(`Cannot watch ${path} (${systemCode(error)}): changes are looked for every ${POLL_MS} ms`)
    this.#polling = setInterval(() => this.hint(), POLL_MS)
    this.#polling.unref()
  }

  #unwatch(path: string): void {
    this.#watched.get(path)?.watcher?.close()
    this.#watched.delete(path)
  }
}
