/** Runs one task at a time, in the order they come; one that a person waits for comes first. */
export class Turns {
  readonly #queue: (() => Promise<void>)[] = []
  #isRunning = false

  /** Resolves or rejects as `task` does, when its turn is over. */
  run<Result>(task: () => Promise<Result>, { first = false } = {}): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const turn = () => task().then(resolve, reject)
    if (first) this.#queue.unshift(turn)
    else this.#queue.push(turn)
    void this.#next()
    return promise
  }

  async #next(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    for (let turn = this.#queue.shift(); turn; turn = this.#queue.shift()) await turn()
    this.#isRunning = false
  }
}
