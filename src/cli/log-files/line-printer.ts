import type { Writable } from 'node:stream'

/** Writes many lines, no faster than they are read. */
export class LinePrinter {
  readonly #stream: Writable
  readonly #gone = new AbortController()

  constructor(stream: Writable) {
    this.#stream = stream
    // Other failures than a reader that went away are thrown by whoever made the stream.
    stream.once('error', () => this.#gone.abort())
  }

  /** Aborted when the reader is gone (`| head`): nobody sees what comes after that. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  async print(lines: readonly string[]): Promise<void> {
    if (lines.length === 0 || this.gone.aborted) return
    await new Promise<void>(resolve => this.#stream.write(`${lines.join('\n')}\n`, () => resolve()))
  }
}
