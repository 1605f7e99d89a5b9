import type { Writable } from 'node:stream'

/**
 * Lines to a stream whose reader may be slow or gone. Never blocks and never grows without end: past `maxBytes`
 * waiting, lines are dropped and counted, and the count is written as soon as there is room again. Lines of one turn of
 * the event loop leave in one write: a busy server would otherwise spend a system call on each.
 */
export class BoundedWriter {
  readonly #stream: Writable
  readonly #maxBytes: number
  readonly #dropped: (count: number) => string
  /** Accepted, and not handed to the stream yet. */
  #batch = ''
  #isScheduled = false
  #waitingBytes = 0
  #droppedLines = 0
  #idle: (() => void)[] = []

  constructor(stream: Writable, options: { maxBytes: number; dropped: (count: number) => string }) {
    this.#stream = stream
    this.#maxBytes = options.maxBytes
    this.#dropped = options.dropped
  }

  line(text: string): void {
    if (this.#waitingBytes > this.#maxBytes) this.#droppedLines += 1
    else this.#accept(text)
  }

  /** Resolves when all that was accepted is written, or after `withinMs`. */
  flush(withinMs: number): Promise<void> {
    this.#send()
    if (this.#waitingBytes === 0) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, withinMs)
      this.#idle.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #accept(text: string): void {
    this.#batch += `${text}\n`
    // Bun's stdout reports no writableLength, so what waits is counted here (seen with Bun 1.4.5).
    this.#waitingBytes += Buffer.byteLength(text) + 1
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#send())
  }

  #send(): void {
    this.#isScheduled = false
    if (this.#batch === '') return
    const batch = this.#batch
    this.#batch = ''
    this.#stream.write(batch, () => {
      this.#waitingBytes -= Buffer.byteLength(batch)
      if (this.#droppedLines > 0 && this.#waitingBytes < this.#maxBytes / 2) {
        const count = this.#droppedLines
        this.#droppedLines = 0
        this.#accept(this.#dropped(count))
      }
      if (this.#waitingBytes === 0) for (const done of this.#idle.splice(0)) done()
    })
  }
}
