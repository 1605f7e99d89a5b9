import type { Writable } from 'node:stream'
import { byteCount } from './byte-count.ts'
import { onOneLine } from './kit/one-line.ts'

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number }

const REDRAW_EVERY_MS = 50
const TELL_EVERY_MS = 3_000
const BAR = 24

/** How far a work on bytes is: a bar that redraws itself in a terminal, else a line every three seconds of it. */
export class ByteProgress {
  readonly #terminal: Terminal
  readonly #note: (text: string) => void
  #shownMs = performance.now()
  #isDrawn = false

  constructor(terminal: Terminal, note: (text: string) => void) {
    this.#terminal = terminal
    this.#note = note
  }

  /** Without a total there is no bar. */
  step(what: string, bytes?: number, total?: number): void {
    const nowMs = performance.now()
    if (nowMs - this.#shownMs < (this.#terminal.isTTY ? REDRAW_EVERY_MS : TELL_EVERY_MS)) return
    this.#shownMs = nowMs
    const amount =
      bytes === undefined ? '' : total === undefined ? byteCount(bytes) : `${byteCount(bytes)} of ${byteCount(total)}`
    if (!this.#terminal.isTTY) {
      this.#note([what, amount].filter(Boolean).join(': '))
      return
    }
    const filled = bytes === undefined || !total ? undefined : Math.min(BAR, Math.round((BAR * bytes) / total))
    const bar = filled === undefined ? '' : `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} `
    const line = `${bar}${amount ? `${amount}  ` : ''}${onOneLine(what)}`
    this.#terminal.write(`\r\x1b[K${line.slice(0, (this.#terminal.columns ?? 80) - 1)}`)
    this.#isDrawn = true
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#isDrawn) this.#terminal.write('\r\x1b[K')
    this.#isDrawn = false
  }
}
