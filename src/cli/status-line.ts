import type { Writable } from 'node:stream'

export type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number }

const ERASE = '\r\x1b[K'
const USUAL_COLUMNS = 80
/**
 * A full line would leave the cursor on the next one in some terminals; and they echo `^C`, which must not push it there
 * either, or erasing would not reach what was drawn.
 */
const FREE_COLUMNS = 3

/**
 * The last line of a terminal, drawn over and over, below log lines that go by. It writes and nothing else: the keyboard
 * stays as it is, so that ^C is the signal it always is (the progress bar and spinner of @clack/prompts 1.9.0 put the
 * terminal into raw mode and end the process at ^C themselves, and offer no way to have that left alone).
 */
export class StatusLine {
  readonly #terminal: Terminal
  #render: ((columns: number) => string) | undefined
  #isScheduled = false
  #isDrawn = false

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** From now on the line says this. `render` gets the columns that there are; it must not use more. */
  show(render: (columns: number) => string): void {
    this.#render = render
    this.#schedule()
  }

  clear(): void {
    this.#render = undefined
    if (this.#isDrawn) this.#terminal.write(ERASE)
    this.#isDrawn = false
  }

  /** A log line as it must be written while this is shown. */
  above(line: string): string {
    if (this.#render === undefined) return line
    setImmediate(() => this.#schedule()) // after the log's own turn
    return `${ERASE}${line}`
  }

  /** Never at once: lines logged a moment ago are written at the end of this turn, and would go behind what is drawn. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (this.#render === undefined) return
      const text = this.#render((this.#terminal.columns || USUAL_COLUMNS) - FREE_COLUMNS)
      this.#terminal.write(`${ERASE}${text}`)
      this.#isDrawn = true
    })
  }
}
