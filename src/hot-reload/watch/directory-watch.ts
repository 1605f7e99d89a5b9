import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FileChange } from '../../api/hot-reload.ts'
import { OpenworkError, unlessSystemError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { readPlainFile } from '../../shared/plain-file.ts'
import type { FileWatch, FileWatchOptions, Look } from '../file-watch.ts'
import { differences, readBefore } from './differences.ts'
import { type FileFacts, MAX_READ_BYTES } from './file-facts.ts'
import { faultProblem } from './file-problems.ts'
import type { FolderListener, FolderWatches } from './folder-watches.ts'
import { LimitedTurns } from './limited-turns.ts'
import type { ProblemFinder } from './problem-finder.ts'
import { type Scan, type ScannedFile, scan } from './scan.ts'
import { planWatches } from './watch-plan.ts'

/** Names that came and went in one go lead to one look at which folders there are. */
const RESHAPE_MS = 50
/** The system's clock for files ticks so coarsely. */
const CLOCK_TICK_MS = 20
/** So often a look begins again because files changed while they were read; then it tells what it has. */
const MAX_TRIES = 3

const NOTHING: Scan = { files: new Map(), faults: [], notes: [] }

/** Nobody wants to know any more. */
const CLOSED = new Error('closed')

/** What all directories have in common. */
export type Surroundings = {
  env: Readonly<Record<string, string | undefined>>
  home: string
  managed: string
  log: Log
  facts: FileFacts
  problems: ProblemFinder
  folders: FolderWatches
  /** How long a look may take. */
  lookLimitMs: number
  /** What was told of what is left out: many directories have trees in common. */
  toldNotes: Set<string>
}

/** A `FileWatch` of one directory. Whoever holds it calls `rescan` now and then, for what the system did not tell. */
export class DirectoryWatch implements FileWatch, FolderListener {
  readonly ready: Promise<void>
  readonly #options: FileWatchOptions
  readonly #around: Surroundings
  readonly #onClose: () => void
  readonly #createdAtMs = Date.now()
  /** One scan at a time. */
  readonly #turns: LimitedTurns
  #isBegun = false
  #last = NOTHING
  /** What opencode has read. */
  #accepted = NOTHING
  /** Modules that opencode's process has loaded, and how they were then: it never loads one of them again. */
  #loaded: ReadonlyMap<string, string> = new Map()
  readonly #seen = new WeakMap<Look, Scan>()
  #reshape: ReturnType<typeof setTimeout> | undefined
  /** The last scan took so long. */
  #scanMs = 0
  #isStarved = false
  #isClosed = false

  constructor(options: FileWatchOptions, around: Surroundings, onClose: () => void) {
    this.#options = options
    this.#around = around
    this.#onClose = onClose
    this.#turns = new LimitedTurns(around.lookLimitMs, () => tooSlow(options.directory, around.lookLimitMs))
    this.ready = this.#turns.run(signal => this.#begin(options.readAtMs, signal))
  }

  get mode(): FileWatch['mode'] {
    return this.#isStarved ? 'polling' : 'events'
  }

  get notes(): readonly string[] {
    return this.#last.notes
  }

  look(): Promise<Look> {
    return this.#turns.run(async signal => {
      if (!this.#isBegun) await this.#begin(this.#options.readAtMs ?? this.#createdAtMs, signal)
      return await this.#look(signal)
    })
  }

  accept(look: Look): void {
    const seen = this.#seen.get(look)
    if (!seen) return
    this.#accepted = seen
    this.#loaded = look.needsRestart ? modulesOf(seen) : new Map([...modulesOf(seen), ...this.#loaded]) // those there were stay as they were
  }

  /** Looks whether anything differs from the last look, and gives a hint if so. */
  rescan(): Promise<void> {
    return this.#turns.run(signal => this.#rescan(signal))
  }

  onEvent(isNewShape: boolean): void {
    if (this.#isClosed) return
    this.#hint()
    if (!isNewShape || this.#reshape !== undefined) return
    // While a repository is cloned, names come without an end: no more than half of the time goes to them.
    this.#reshape = setTimeout(() => void this.#takeNewShape(), Math.max(RESHAPE_MS, this.#scanMs))
    this.#reshape.unref()
  }

  async #takeNewShape(): Promise<void> {
    const due = this.#reshape
    const begin = () => {
      if (this.#reshape === due) this.#reshape = undefined
    }
    try {
      await this.#turns.run(signal => {
        begin() // what happens from now on is for another one; what happened before it, however late it comes, is for this
        return this.#rescan(signal)
      })
    } catch (error) {
      begin()
      this.#tellBug(error)
    }
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

  async #rescan(signal: AbortSignal): Promise<void> {
    const before = this.#last
    const now = await this.#scan(signal)
    if (differences(before.files, now.files).length > 0) this.#hint()
  }

  async #begin(readAtMs: number | undefined, signal: AbortSignal): Promise<void> {
    const found = await this.#scan(signal)
    this.#accepted =
      readAtMs === undefined ? found : { ...found, files: readBefore(found.files, readAtMs - CLOCK_TICK_MS) }
    this.#loaded = modulesOf(this.#accepted)
    this.#isBegun = true
    if (differences(this.#accepted.files, found.files).length > 0) this.#hint()
  }

  async #look(signal: AbortSignal): Promise<Look> {
    for (let tries = 1; ; tries++) {
      const found = await this.#scan(signal)
      const changes = differences(this.#accepted.files, found.files)
      const changed = new Set(changes.map(({ path }) => path))
      const { problems, isStale } = await this.#around.problems.of(found.files, changed, signal)
      if (isStale && tries < MAX_TRIES) continue
      for (const fault of found.faults) {
        const text =
          fault.named && (await readPlainFile(fault.path, { maxBytes: MAX_READ_BYTES }).catch(unlessSystemError))
        problems.push(faultProblem(fault, text ?? ''))
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

  async #scan(signal: AbortSignal): Promise<Scan> {
    if (this.#isClosed) return this.#last
    const { directory } = this.#options
    const { env, home, managed, facts, folders } = this.#around
    const worktree = await findWorktree(directory)
    const startedMs = performance.now()
    const keys = new Set<string>()
    let exhausted: string | undefined
    const check = () => {
      signal.throwIfAborted()
      if (this.#isClosed) throw CLOSED
    }
    const found = await scan({
      directory,
      home,
      facts,
      plan: planWatches(directory, { worktree, env, home, managed }),
      check,
      onFolder: (path, stats, name) => {
        check()
        const wanted = folders.want(this, path, stats, name)
        if (wanted.key !== undefined) keys.add(wanted.key)
        exhausted ??= wanted.exhausted
      },
    }).catch((error: unknown) => {
      if (error !== CLOSED) throw error
    })
    signal.throwIfAborted()
    if (this.#isClosed || !found) return this.#last
    this.#scanMs = performance.now() - startedMs
    folders.settle(this, keys, exhausted)
    this.#isStarved = exhausted !== undefined
    // Hundreds of directories keep what they know once, not once as seen and once as accepted.
    if (!isSame(this.#last, found)) this.#last = found
    for (const note of found.notes) this.#tellOnce(note)
    return this.#last
  }

  #tellOnce(note: string): void {
    const { log, toldNotes } = this.#around
    if (toldNotes.has(note)) return
    toldNotes.add(note)
    log.warn(note)
  }

  #tellBug(error: unknown): void {
    if (error instanceof OpenworkError) return // the next look tells
    const reason = error instanceof Error ? error.stack : String(error)
    this.#around.log.error(`Looking for changes in ${this.#options.directory} failed: ${reason}`)
  }
}

const tooSlow = (directory: string, limitMs: number): OpenworkError =>
  new OpenworkError(
    'workspace_unusable',
    `what opencode reads for ${directory} is not read within ${limitMs / 1000} s`,
    {
      hint: 'Is it on a disk that does not answer?',
    },
  )

const writeOf = (file: ScannedFile | undefined, path: string): [string, number][] =>
  file ? [[path, file.changedMs]] : []

const isSame = (one: Scan, other: Scan): boolean =>
  differences(one.files, other.files).length === 0 &&
  Bun.deepEquals([one.faults, one.notes], [other.faults, other.notes])

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
