import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FileChange } from '../../api/hot-reload.ts'
import { unlessSystemError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import type { FileWatch, FileWatchOptions, Look } from '../file-watch.ts'
import { differences, readBefore } from './differences.ts'
import type { FileFacts } from './file-facts.ts'
import { missingReference } from './file-problems.ts'
import type { FolderListener, FolderWatches } from './folder-watches.ts'
import type { ProblemFinder } from './problem-finder.ts'
import { type Scan, type ScannedFile, scan } from './scan.ts'
import { planWatches } from './watch-plan.ts'

/** Names that came and went in one go lead to one look at which folders there are. */
const RESHAPE_MS = 50
/** The system's clock for files ticks so coarsely. */
const CLOCK_TICK_MS = 20
/** So often a look begins again because files changed while they were read; then it tells what it has. */
const MAX_TRIES = 3

const NOTHING: Scan = { files: new Map(), missing: [] }

/** What all directories have in common. */
export type Surroundings = {
  env: Readonly<Record<string, string | undefined>>
  home: string
  managed: string
  log: Log
  facts: FileFacts
  problems: ProblemFinder
  folders: FolderWatches
}

/** A `FileWatch` of one directory. Whoever holds it calls `rescan` now and then, for what the system did not tell. */
export class DirectoryWatch implements FileWatch, FolderListener {
  readonly ready: Promise<void>
  readonly #options: FileWatchOptions
  readonly #around: Surroundings
  readonly #onClose: () => void
  /** One scan at a time. */
  #work: Promise<unknown> = Promise.resolve()
  #last = NOTHING
  /** What opencode has read. */
  #accepted = NOTHING
  /** Modules that opencode's process has loaded, and how they were then: it never loads one of them again. */
  #loaded: ReadonlyMap<string, string> = new Map()
  readonly #seen = new WeakMap<Look, Scan>()
  #reshape: ReturnType<typeof setTimeout> | undefined
  #isStarved = false
  #isClosed = false

  constructor(options: FileWatchOptions, around: Surroundings, onClose: () => void) {
    this.#options = options
    this.#around = around
    this.#onClose = onClose
    this.ready = this.#inTurn(() => this.#begin())
  }

  get mode(): FileWatch['mode'] {
    return this.#isStarved ? 'polling' : 'events'
  }

  look(): Promise<Look> {
    return this.#inTurn(() => this.#look())
  }

  accept(look: Look): void {
    const seen = this.#seen.get(look)
    if (!seen) return
    this.#accepted = seen
    this.#loaded = look.needsRestart ? modulesOf(seen) : new Map([...modulesOf(seen), ...this.#loaded]) // those there were stay as they were
  }

  /** Looks whether anything differs from the last look, and gives a hint if so. */
  rescan(): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#last
      const now = await this.#scan()
      if (differences(before.files, now.files).length > 0) this.#hint()
    })
  }

  onEvent(isNewShape: boolean): void {
    if (this.#isClosed) return
    this.#hint()
    if (!isNewShape || this.#reshape !== undefined) return
    this.#reshape = setTimeout(() => {
      this.#reshape = undefined
      this.rescan().catch(error => this.#tellBug(error))
    }, RESHAPE_MS)
    this.#reshape.unref()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#reshape)
    this.#around.folders.settle(this, new Set(), undefined)
    this.#onClose()
  }

  #hint(): void {
    if (!this.#isClosed) this.#options.onHint()
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#work.then(act)
    this.#work = result.catch(() => {})
    return result
  }

  async #begin(): Promise<void> {
    const { readAtMs } = this.#options
    const found = await this.#scan()
    this.#accepted =
      readAtMs === undefined ? found : { ...found, files: readBefore(found.files, readAtMs - CLOCK_TICK_MS) }
    this.#loaded = modulesOf(this.#accepted)
    if (differences(this.#accepted.files, found.files).length > 0) this.#hint()
  }

  async #look(): Promise<Look> {
    for (let tries = 1; ; tries++) {
      const found = await this.#scan()
      const changes = differences(this.#accepted.files, found.files)
      const changed = new Set(changes.map(({ path }) => path))
      const { problems, isStale } = await this.#around.problems.of(found.files, changed)
      if (isStale && tries < MAX_TRIES) continue
      for (const { config, named } of found.missing) {
        const text = (await readFile(config, 'utf8').catch(unlessSystemError)) ?? ''
        problems.push(missingReference(config, text, named))
      }
      const told = problems.map(({ effect: _effect, ...problem }) => problem)
      const look: Look = {
        changes,
        problems: told,
        needsRestart: this.#needsRestart(changes, found),
        writtenAtMs: new Map(changes.flatMap(({ path }) => writeOf(found.files.get(path), path))),
      }
      this.#seen.set(look, found)
      return look
    }
  }

  /** For what opencode reads once in its life: its global config, and a module it has loaded, which it keeps as it was. */
  #needsRestart(changes: readonly FileChange[], found: Scan): boolean {
    return changes.some(({ path }) => {
      const file = found.files.get(path)
      if ((file ?? this.#accepted.files.get(path))?.isReadOnce) return true
      const loaded = this.#loaded.get(path)
      return file?.role === 'module' && loaded !== undefined && loaded !== file.fingerprint
    })
  }

  async #scan(): Promise<Scan> {
    if (this.#isClosed) return this.#last
    const { directory } = this.#options
    const { env, home, managed, facts, folders } = this.#around
    const worktree = await findWorktree(directory)
    const keys = new Set<string>()
    let exhausted: string | undefined
    const found = await scan({
      directory,
      home,
      facts,
      plan: planWatches(directory, { worktree, env, home, managed }),
      onFolder: (path, stats, interest) => {
        if (this.#isClosed) return
        const wanted = folders.want(this, path, stats, interest)
        if (wanted.key !== undefined) keys.add(wanted.key)
        exhausted ??= wanted.exhausted
      },
    })
    if (this.#isClosed) return this.#last
    folders.settle(this, keys, exhausted)
    this.#isStarved = exhausted !== undefined
    // Hundreds of directories keep what they know once, not once as seen and once as accepted.
    if (!isSame(this.#last, found)) this.#last = found
    return this.#last
  }

  #tellBug(error: unknown): void {
    const reason = error instanceof Error ? error.stack : String(error)
    this.#around.log.error(`Looking for changes in ${this.#options.directory} failed: ${reason}`)
  }
}

const writeOf = (file: ScannedFile | undefined, path: string): [string, number][] =>
  file ? [[path, file.changedMs]] : []

const isSame = (one: Scan, other: Scan): boolean =>
  differences(one.files, other.files).length === 0 && Bun.deepEquals(one.missing, other.missing)

const modulesOf = ({ files }: Scan): Map<string, string> =>
  new Map(
    [...files]
      .filter((entry): entry is [string, ScannedFile] => entry[1].role === 'module')
      .map(([path, { fingerprint }]) => [path, fingerprint]),
  )

/** The folder with `.git`; for a directory in no repository the root of the file system, as opencode 1.18.33 has it. */
async function findWorktree(directory: string): Promise<string> {
  if (await stat(join(directory, '.git')).catch(unlessSystemError)) return directory
  const above = dirname(directory)
  return above === directory ? directory : findWorktree(above)
}
