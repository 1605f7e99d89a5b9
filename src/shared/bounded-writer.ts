import type { Writable } from 'node:stream'

/**
 * Lines to a stream whose reader may be slow or gone. Never blocks and never grows without end: past `maxBytes`
 * waiting, lines are dropped and counted, and the count is written as soon as there is room again.
 */
export class BoundedWriter {
  readonly #stream: Writable
  readonly #maxBytes: number
  readonly #dropped: (count: number) => string
  #waitingBytes = 0
  #droppedLines = 0
  #idle: (() => void)[] = []

  constructor(stream: Writable, options: { maxBytes: number; dropped: (count: number) => string }) {
    this.#stream = stream
    this.#maxBytes = options.maxBytes
    this.#dropped = options.dropped
  }

  line(text: string): void {
    if (this.#waitingBytes > this.#maxBytes) {
      this.#droppedLines += 1
      return
    }
    this.#send(text)
  }

  /** Resolves when all that was accepted is written, or after `withinMs`. */
  flush(withinMs: number): Promise<void> {
    if (this.#waitingBytes === 0) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, withinMs)
      this.#idle.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #send(text: string): void {
    const bytes = Buffer.byteLength(text) + 1
    this.#waitingBytes += bytes
    // Bun's stdout reports no writableLength, so what waits is counted here (seen with Bun 1.4.5).
    this.#stream.write(`${text}\n`, () => {
      this.#waitingBytes -= bytes
      if (this.#droppedLines > 0 && this.#waitingBytes < this.#maxBytes / 2) {
        const count = this.#droppedLines
        this.#droppedLines = 0
        this.#send(this.#dropped(count))
      }
      if (this.#waitingBytes === 0) for (const done of this.#idle.splice(0)) done()
    })
  }
}
