/** Enough for any burst that a reading client gets through; each item waits once, however many listen. */
const MAX_WAITING = 1_000

/** Hands each thing that happens to everyone who listens at that moment. */
export class EventFeed<Item extends object> {
  readonly #listeners = new Set<Listener<Item>>()

  publish(item: Item): void {
    for (const listener of this.#listeners) listener.take(item)
  }

  /**
   * What is published from now on (from this call, not from the first `next`). Ends when `signal` is aborted, and for a
   * listener that has fallen 1,000 items behind: it has to ask for the whole anew.
   */
  listen(signal: AbortSignal): AsyncIterableIterator<Item> {
    const listener = new Listener<Item>(() => this.#listeners.delete(listener))
    this.#listeners.add(listener)
    if (signal.aborted) listener.end()
    else signal.addEventListener('abort', () => listener.end(), { once: true })
    return listener
  }

  /** Ends it for all who listen now; what they have not taken yet is still given out. */
  end(): void {
    for (const listener of [...this.#listeners]) listener.end()
  }

  get size(): number {
    return this.#listeners.size
  }
}

class Listener<Item extends object> implements AsyncIterableIterator<Item> {
  #waiting: Item[] = []
  #isOpen = true
  #wake: (() => void) | undefined
  readonly #onEnd: () => void

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  take(item: Item): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(item)
    else this.end()
    this.#wake?.()
  }

  /** What has come before is still given out. */
  end(): void {
    this.#isOpen = false
    this.#onEnd()
    this.#wake?.()
  }

  async next(): Promise<IteratorResult<Item>> {
    while (this.#waiting.length === 0 && this.#isOpen) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    const item = this.#waiting.shift()
    return item === undefined ? { done: true, value: undefined } : { done: false, value: item }
  }

  async return(): Promise<IteratorResult<Item>> {
    this.#waiting = []
    this.end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
