/** Runs one task at a time, each within a time limit. */
export class LimitedTurns {
  readonly #limitMs: number
  readonly #tooSlow: () => Error
  #last: Promise<unknown> = Promise.resolve()
  #isHanging = false

  /** `tooSlow`: what a task is rejected with that takes longer than `limitMs`. */
  constructor(limitMs: number, tooSlow: () => Error) {
    this.#limitMs = limitMs
    this.#tooSlow = tooSlow
  }

  /**
   * Resolves or rejects as `task` does, or when its time is over; then its signal is aborted. As long as a task goes on for
   * all that, which waits for a disk that does not answer, others are rejected at once: they would only wait, too.
   */
  run<Result>(task: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const result = this.#last.then(() => this.#limited(task))
    this.#last = result.catch(() => {})
    return result
  }

  async #limited<Result>(task: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    if (this.#isHanging) throw this.#tooSlow()
    const abort = new AbortController()
    const running = task(abort.signal)
    const { promise: over, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      const error = this.#tooSlow()
      abort.abort(error)
      reject(error)
    }, this.#limitMs).unref()
    try {
      return await Promise.race([running, over])
    } finally {
      clearTimeout(timer)
      if (abort.signal.aborted) {
        this.#isHanging = true
        const end = () => {
          this.#isHanging = false
        }
        running.then(end, end)
      }
    }
  }
}
