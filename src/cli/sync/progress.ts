import type { Writable } from 'node:stream'
import { onOneLine } from '../kit/one-line.ts'
import type { SyncProgress } from './sync-run.ts'

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number }

const REDRAW_EVERY_MS = 50
const BAR = 24
/** Fewer files are done before anybody wonders. */
const WORTH_TELLING = 100

/**
 * How far a sync is: a bar that redraws itself in a terminal, else a line at every tenth. Not the bar of
 * `@clack/prompts` (1.9.0): it takes the keyboard, and Ctrl+C then ends the process with 0.
 */
export class ProgressLine implements SyncProgress {
  readonly #terminal: Terminal
  readonly #note: (text: string) => void
  #total = 0
  #done = 0
  #drawnMs = Number.NEGATIVE_INFINITY

  constructor(terminal: Terminal, note: (text: string) => void) {
    this.#terminal = terminal
    this.#note = note
  }

  begin(total: number): void {
    this.#total = total
  }

  step(path: string): void {
    this.#done = Math.min(this.#done + 1, this.#total)
    if (this.#terminal.isTTY) this.#draw(path)
    else if (this.#total >= WORTH_TELLING && this.#tenth(this.#done) > this.#tenth(this.#done - 1))
      this.#note(`${this.#done} of ${this.#total} files`)
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#terminal.isTTY && this.#drawnMs > 0) this.#terminal.write('\r\x1b[K')
  }

  #draw(path: string): void {
    const nowMs = performance.now()
    if (nowMs - this.#drawnMs < REDRAW_EVERY_MS) return
    this.#drawnMs = nowMs
    const filled = Math.round((BAR * this.#done) / this.#total)
    const line = `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${this.#done}/${this.#total}  ${onOneLine(path)}`
    this.#terminal.write(`\r\x1b[K${line.slice(0, (this.#terminal.columns ?? 80) - 1)}`)
  }

  #tenth(done: number): number {
    return Math.floor((10 * done) / this.#total)
  }
}
