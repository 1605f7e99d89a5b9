import type { DaemonEvent } from '../../api/daemon.ts'
import type { Hold } from '../../hot-reload/reload-engine.ts'
import { messageOf } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { pause } from '../../supervisor/pause.ts'
import type { ProcessUsage } from '../../supervisor/process-usage.ts'

export type MemoryCeilingPace = {
  lookEveryMs: number
  /** Between two looks for work while it waits for its end. */
  drainEveryMs: number
  /** Least time between two restarts. */
  restartEveryMs: number
}

/** So many looks in a row above it, with nothing idle left to dispose of: opencode is to be restarted. */
const LOOKS = 3
/** Where even a fresh one is above the limit: one that has grown to so many times that is restarted all the same. */
const WORTH_A_RESTART = 1.5

export type MemoryCeilingDeps = {
  /** Of opencode; undefined when it is not up, or the system does not tell. */
  usage(): Promise<ProcessUsage | undefined>
  /** Disposes of some idle instances, those first that have been idle for longest. Resolves with how many. */
  disposeSome(): Promise<number>
  /** Sessions and the like at work anywhere in opencode, and requests on their way to it. */
  work(): Promise<number>
  /** Lets new requests for all wait. */
  hold?: Hold
  /** Disposes of everything, ends opencode and starts it again; resolves when it is ready. */
  restart(): Promise<void>
  onEvent(event: DaemonEvent): void
  log: Log
}

/**
 * Holds opencode below a limit of memory: idle instances go first; where that is not enough for a while, opencode is
 * restarted as soon as no work goes on in it. Work is never ended for it, however long that takes.
 */
export class MemoryCeiling {
  readonly #limitBytes: number
  readonly #deps: MemoryCeilingDeps
  readonly #pace: MemoryCeilingPace
  readonly #closed = new AbortController()
  readonly #ended: Promise<void>
  #looksAbove = 0
  #restartedAtMs = Number.NEGATIVE_INFINITY
  /** What the looks after the last restart saw, until there were enough of them. */
  #sinceRestart: number[] | undefined
  /** What opencode used soon after it was restarted, where that was above the limit already. */
  #leastBytes: number | undefined
  #isDraining = false

  constructor(limitBytes: number, deps: MemoryCeilingDeps, pace: MemoryCeilingPace) {
    this.#limitBytes = limitBytes
    this.#deps = deps
    this.#pace = pace
    this.#ended = this.#watch()
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#ended
  }

  /** Why it is not held, where that is so for good: for people. */
  get note(): string | undefined {
    if (this.#leastBytes === undefined) return undefined
    return `opencode needs ${megabytes(this.#leastBytes)} for itself: the limit is too low for it`
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closed
    for (;;) {
      await pause(this.#pace.lookEveryMs, signal)
      if (signal.aborted) return
      try {
        await this.#look()
      } catch (error) {
        this.#deps.log.warn('the memory of opencode could not be held below its limit', { reason: messageOf(error) })
      }
    }
  }

  async #look(): Promise<void> {
    const usage = await this.#deps.usage()
    if (!usage || usage.memoryBytes <= this.#limitBytes) return this.#below()
    // What they held comes back with a later garbage collection: the next look tells whether it was enough.
    if ((await this.#deps.disposeSome()) > 0) return
    this.#judgeRestart(usage.memoryBytes)
    this.#looksAbove += 1
    if (this.#looksAbove < LOOKS || performance.now() - this.#restartedAtMs < this.#pace.restartEveryMs) return
    if (usage.memoryBytes < (this.#leastBytes ?? 0) * WORTH_A_RESTART) return
    await this.#restartWhenIdle(usage.memoryBytes)
  }

  #below(): void {
    this.#looksAbove = 0
    this.#sinceRestart = undefined
    this.#leastBytes = undefined
  }

  /** The first looks after a restart, which nothing brought below the limit: no restart will. */
  #judgeRestart(memoryBytes: number): void {
    if (!this.#sinceRestart) return
    this.#sinceRestart.push(memoryBytes)
    if (this.#sinceRestart.length < LOOKS) return
    this.#leastBytes = Math.min(...this.#sinceRestart)
    this.#sinceRestart = undefined
    this.#deps.log.warn(
      `opencode ${uses(this.#leastBytes, this.#limitBytes)}, soon after it was started: the limit is too low for it`,
      { memoryBytes: this.#leastBytes, limitBytes: this.#limitBytes },
    )
  }

  /** Waits until nothing is at work, or there is no need any more. */
  async #restartWhenIdle(memoryBytes: number): Promise<void> {
    const { usage, log } = this.#deps
    const { signal } = this.#closed
    try {
      for (let left = await this.#restartIfIdle(memoryBytes); left > 0; left = await this.#restartIfIdle(memoryBytes)) {
        this.#tellDraining(memoryBytes, left)
        await pause(this.#pace.drainEveryMs, signal)
        if (signal.aborted) return
        const now = await usage()
        if (now && now.memoryBytes > this.#limitBytes) continue
        log.info('opencode is below its memory limit again, and is not restarted')
        return this.#below()
      }
    } finally {
      this.#isDraining = false
    }
  }

  #tellDraining(memoryBytes: number, work: number): void {
    if (this.#isDraining) return
    this.#isDraining = true
    const limitBytes = this.#limitBytes
    this.#deps.log.warn(`opencode ${uses(memoryBytes, limitBytes)}; it is restarted when its work has ended`, { work })
    this.#deps.onEvent({ event: 'engine.draining', data: { memoryBytes, limitBytes, work } })
  }

  /** How much is at work. With none it was restarted: new requests waited from before that was certain. */
  async #restartIfIdle(memoryBytes: number): Promise<number> {
    const { work, hold } = this.#deps
    const before = await work()
    if (before > 0) return before
    await using held = await hold?.()
    const after = held ? await work() : 0
    const left = after + (held?.openRequests ?? 0)
    if (left === 0 && !this.#closed.signal.aborted) await this.#restart(memoryBytes)
    return left
  }

  async #restart(memoryBytes: number): Promise<void> {
    const { restart, log, onEvent } = this.#deps
    log.warn(`restarting opencode, which ${uses(memoryBytes, this.#limitBytes)}`)
    this.#below()
    this.#restartedAtMs = performance.now()
    await restart()
    this.#sinceRestart = []
    onEvent({ event: 'engine.restarted', data: { reason: 'memory' } })
  }
}

const uses = (memoryBytes: number, limitBytes: number): string =>
  `uses ${megabytes(memoryBytes)} of memory, more than the ${megabytes(limitBytes)} allowed`

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`
