import type { Progress } from '../sidecars/download/progress.ts'
import { byteCount } from './byte-count.ts'
import { renderProgress, renderWork } from './render-progress.ts'
import { StatusLine, type Terminal } from './status-line.ts'

const TELL_EVERY_MS = 3_000

/** How far a command is with many bytes: a bar in a terminal, a note every three seconds elsewhere. */
export class ByteProgress {
  readonly #line: StatusLine | undefined
  readonly #note: (text: string) => void
  #toldMs = performance.now()

  /** @param note for a terminal's place */
  constructor(terminal: Terminal, note: (text: string) => void) {
    this.#line = terminal.isTTY ? new StatusLine(terminal) : undefined
    this.#note = note
  }

  /** Without a total there is no bar. */
  step(what: string, bytes?: number, totalBytes?: number): void {
    const work = { head: what, name: what, bytes, totalBytes, elapsedMs: 0 }
    this.#show(columns => renderWork(work, columns, false), what, work)
  }

  download(progress: Progress): void {
    this.#show(columns => renderProgress(progress, columns, false), `${progress.stage} ${progress.what}`, progress)
  }

  /** Takes the bar away. */
  end(): void {
    this.#line?.clear()
  }

  #show(
    render: (columns: number) => string,
    what: string,
    { bytes, totalBytes }: { bytes?: number | undefined; totalBytes?: number | undefined },
  ): void {
    this.#line?.show(render)
    const nowMs = performance.now()
    if (this.#line || nowMs - this.#toldMs < TELL_EVERY_MS) return
    this.#toldMs = nowMs
    const total = totalBytes ? ` of ${byteCount(totalBytes)}` : ''
    this.#note(bytes === undefined ? what : `${what}: ${byteCount(bytes)}${total}`)
  }
}
