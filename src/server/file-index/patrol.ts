import type { Log } from '../../shared/log.ts'

export type PatrolTimes = {
  /** From one look at everything to the next, at least. */
  fullMs: number
  /** The same for what has no watch. */
  degradedMs: number
  /** After a burst of changes has begun. */
  soonMs: number
}

const TIMES: PatrolTimes = { fullMs: 5 * 60_000, degradedMs: 2_000, soonMs: 1_000 }

/** Looking takes at most one part in so many of the time: 0.2 % of it as a safety net, 5 % without watches. */
const FULL_SHARE = 500
const DEGRADED_SHARE = 20

/** Looks again from time to time: at everything, in case a watch failed us; at what has no watch, soon. */
export class Patrol {
  readonly #look: (isFull: boolean) => Promise<void>
  readonly #log: Log
  readonly #times: PatrolTimes
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #isStopped = true
  #isDegraded = false
  #isFullDue = false
  #fullAtMs = performance.now()
  #fullTookMs = 0
  #degradedTookMs = 0

  constructor(look: (isFull: boolean) => Promise<void>, log: Log, times: Partial<PatrolTimes> = {}) {
    this.#look = look
    this.#log = log
    this.#times = { ...TIMES, ...times }
  }

  start(): void {
    this.#isStopped = false
    this.#fullAtMs = performance.now()
    this.#plan()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** Looks at everything as soon as a burst has had time to pass. */
  soon(): void {
    if (this.#isFullDue) return
    this.#isFullDue = true
    this.#plan()
  }

  /** Says so once when it begins and once when it ends. */
  setDegraded(isDegraded: boolean, path: string): void {
    if (isDegraded === this.#isDegraded) return
    this.#isDegraded = isDegraded
    if (isDegraded)
      this.#log.warn(
        `Not all of ${path} can be watched: it is gone, or the system gives no more watches (on Linux raise ` +
          'fs.inotify.max_user_watches). Changes made outside show up some seconds later',
      )
    else this.#log.info(`All of ${path} is watched again`)
    this.#plan()
  }

  #plan(): void {
    if (this.#isStopped || this.#isRunning) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#walk(), Math.max(0, this.#waitMs()))
    this.#timer.unref()
  }

  #waitMs(): number {
    if (this.#isFullDue) return this.#times.soonMs
    if (this.#isDegraded) return Math.max(this.#times.degradedMs, DEGRADED_SHARE * this.#degradedTookMs)
    return this.#fullDueAtMs() - performance.now()
  }

  #fullDueAtMs(): number {
    return this.#fullAtMs + Math.max(this.#times.fullMs, FULL_SHARE * this.#fullTookMs)
  }

  async #walk(): Promise<void> {
    const startedAtMs = performance.now()
    const isFull = this.#isFullDue || startedAtMs >= this.#fullDueAtMs()
    this.#isRunning = true
    this.#isFullDue = false
    await this.#look(isFull)
    this.#isRunning = false
    const tookMs = performance.now() - startedAtMs
    if (isFull) {
      this.#fullTookMs = tookMs
      this.#fullAtMs = performance.now()
    } else this.#degradedTookMs = tookMs
    this.#plan()
  }
}
