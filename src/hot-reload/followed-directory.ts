import type { HotReloadStatus, ReloadReport } from '../api/hot-reload.ts'
import type { Served } from '../api/opencode-client.ts'
import { type FileWatch, type FileWatchOptions, type Look, NOTHING } from './file-watch.ts'
import {
  type Action,
  initialState,
  isTimed,
  type PolicyEvent,
  type PolicyState,
  type PolicyTimes,
  reloadStateOf,
  step,
  type Tiding,
} from './reload-policy.ts'

/** What a plugin does as it starts may go on for so long after a reload. */
const AFTERMATH_MS = 500
/** The system's clock for files is behind by so much at most. */
const CLOCK_TICK_MS = 20

export type FollowedOptions = {
  directory: string
  times: PolicyTimes
  /** Undefined: changes are not looked for. */
  watches: ((options: FileWatchOptions) => FileWatch) | undefined
  readAtMs: number | undefined
  onTiding(tiding: Tiding, nowMs: number): void
  /** It wants a turn: `turn` is to be dispatched then. */
  onQueue(): void
  /** The watch cannot begin. */
  onFailure(error: unknown): void
}

/** One directory whose changes are followed: the state of its policy, its timer and its watch. */
export class FollowedDirectory {
  readonly directory: string
  readonly watch: FileWatch | undefined
  /** What opencode serves as far as it was asked. */
  served: Served | undefined
  /** When a hint last came, in milliseconds since the epoch. */
  hintedAtMs = 0
  readonly #options: FollowedOptions
  #state: PolicyState
  #timer: ReturnType<typeof setTimeout> | undefined
  #reloads = 0
  #last: ReloadReport | undefined
  /** Of the last reload, in milliseconds since the epoch, as the disk counts. */
  #renewal = { fromMs: 0, toMs: 0 }
  #isClosed = false

  constructor(options: FollowedOptions) {
    this.#options = options
    this.directory = options.directory
    this.#state = initialState(options.times)
    const { directory, readAtMs } = options
    this.watch = options.watches?.({ directory, readAtMs, onHint: () => this.#hint() })
    // What changed before the watch began, or was broken from the start, shows now.
    this.watch?.ready.then(
      () => this.#hint(),
      error => this.#isClosed || options.onFailure(error),
    )
  }

  get state(): PolicyState {
    return this.#state
  }

  get last(): ReloadReport | undefined {
    return this.#last
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  #hint(): void {
    this.hintedAtMs = Date.now()
    this.dispatch({ type: 'hint' })
  }

  /** What is to be done in the turn that this event belongs to. Nothing happens any more after `close`. */
  dispatch(event: PolicyEvent): Exclude<Action, { type: 'queue' }> | undefined {
    if (this.#isClosed) return undefined
    const nowMs = performance.now()
    const { state, action, tidings } = step(this.#state, event, nowMs)
    if (state.phase === 'reloading' && this.#state.phase !== 'reloading') this.#renewal.fromMs = Date.now()
    if (state.phase !== 'reloading' && this.#state.phase === 'reloading') this.#renewal.toMs = Date.now()
    this.#state = state
    clearTimeout(this.#timer)
    if (isTimed(state))
      this.#timer = setTimeout(() => this.dispatch({ type: 'timer' }), Math.max(0, state.dueMs - nowMs)).unref()
    for (const tiding of tidings) this.#options.onTiding(tiding, nowMs)
    if (action?.type !== 'queue') return action
    this.#options.onQueue()
    return undefined
  }

  async look(): Promise<PolicyEvent> {
    const look = (await this.watch?.look()) ?? NOTHING
    return { type: 'looked', look, own: this.#ownIn(look) }
  }

  /** What was written while the last reload was done. */
  #ownIn({ writtenAtMs }: Look): string[] {
    const { fromMs, toMs } = this.#renewal
    const isOwn = (atMs: number): boolean => atMs >= fromMs - CLOCK_TICK_MS && atMs <= toMs + AFTERMATH_MS
    return [...writtenAtMs].filter(([, atMs]) => isOwn(atMs)).map(([path]) => path)
  }

  reloaded(report: ReloadReport, served: Served): void {
    this.#last = report
    this.#reloads += 1
    this.served = served
  }

  status(): HotReloadStatus {
    const { phase, look, pendingSinceMs, wait, problems } = this.#state
    const state = reloadStateOf(this.#state)
    const notes = this.watch?.notes ?? []
    return {
      directory: this.directory,
      state,
      watching: this.watch?.mode ?? 'off',
      pending: phase === 'current' ? [] : [...look.changes],
      ...(phase !== 'current' && pendingSinceMs !== undefined && { pendingSince: epochMs(pendingSinceMs) }),
      ...((state === 'waiting' || state === 'overdue') && wait && { waitingFor: wait.work }),
      problems: [...problems],
      ...(notes.length > 0 && { notes: [...notes] }),
      reloads: this.#reloads,
      ...(this.#last && { last: this.#last }),
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.watch?.close()
  }
}

/** The policy counts by a clock that is never set. */
const epochMs = (monotonicMs: number): number => Math.round(performance.timeOrigin + monotonicMs)
