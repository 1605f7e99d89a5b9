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

  async #watch(): Promise<void> {
    const { signal } = this.#closed
    let isAttainable = true
    while (isAttainable) {
      await pause(this.#pace.lookEveryMs, signal)
      if (signal.aborted) return
      try {
        isAttainable = await this.#look()
      } catch (error) {
        this.#deps.log.warn('the memory of opencode could not be held below its limit', { reason: messageOf(error) })
      }
    }
  }

  /** False: opencode needs more than the limit for itself. */
  async #look(): Promise<boolean> {
    const usage = await this.#deps.usage()
    if (!usage || usage.memoryBytes <= this.#limitBytes) {
      this.#looksAbove = 0
      return true
    }
    // What they held comes back with a later garbage collection: the next look tells whether it was enough.
    if ((await this.#deps.disposeSome()) > 0) return true
    this.#looksAbove += 1
    if (this.#looksAbove < LOOKS || performance.now() - this.#restartedAtMs < this.#pace.restartEveryMs) return true
    if (!(await this.#drained(usage.memoryBytes)) || this.#closed.signal.aborted) return true
    await using held = await this.#deps.hold?.()
    // Work that began at that very moment: the next look comes soon.
    if (held && (held.openRequests > 0 || (await this.#deps.work()) > 0)) return true
    await this.#restart(usage.memoryBytes)
    return await this.#fitsWhenEmpty()
  }

  /** Waits until nothing is at work. False: there is no need any more. */
  async #drained(memoryBytes: number): Promise<boolean> {
    const { work, usage, log, onEvent } = this.#deps
    const { signal } = this.#closed
    const limitBytes = this.#limitBytes
    let left = await work()
    if (left === 0) return true
    this.#isDraining = true
    try {
      log.warn(`opencode ${uses(memoryBytes, limitBytes)}; it is restarted when its work has ended`, { work: left })
      onEvent({ event: 'engine.draining', data: { memoryBytes, limitBytes, work: left } })
      while (left > 0) {
        await pause(this.#pace.drainEveryMs, signal)
        if (signal.aborted) return false
        const now = await usage()
        if (!now || now.memoryBytes <= limitBytes) {
          this.#looksAbove = 0
          log.info('opencode is below its memory limit again, and is not restarted')
          return false
        }
        left = await work()
      }
      return true
    } finally {
      this.#isDraining = false
    }
  }

  async #restart(memoryBytes: number): Promise<void> {
    const { restart, log, onEvent } = this.#deps
    log.warn(`restarting opencode, which ${uses(memoryBytes, this.#limitBytes)}`)
    this.#looksAbove = 0
    this.#restartedAtMs = performance.now()
    await restart()
    onEvent({ event: 'engine.restarted', data: { reason: 'memory' } })
  }

  async #fitsWhenEmpty(): Promise<boolean> {
    const { usage, log } = this.#deps
    const limitBytes = this.#limitBytes
    const now = await usage()
    if (!now || now.memoryBytes <= limitBytes) return true
    log.warn(
      `opencode ${uses(now.memoryBytes, limitBytes)}, with no workspace in memory: that limit is not held any more`,
      { memoryBytes: now.memoryBytes, limitBytes },
    )
    return false
  }
}

const uses = (memoryBytes: number, limitBytes: number): string =>
  `uses ${megabytes(memoryBytes)} of memory, more than the ${megabytes(limitBytes)} allowed`

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`
