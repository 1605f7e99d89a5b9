import { byteCount } from '../shared/byte-count.ts'
import type { Progress } from '../sidecars/download/progress.ts'
import { renderProgress, renderWork } from './render-progress.ts'
import { StatusLine, type Terminal } from './status-line.ts'

const TELL_EVERY_MS = 3_000

/**
 * How far a command is with many bytes: a bar in a terminal; elsewhere a note for each stage of a download, and every
 * three seconds.
 */
export class ByteProgress {
  readonly #line: StatusLine | undefined
  readonly #note: (text: string) => void
  #toldMs = performance.now()
  #stage = ''

  /** @param note for a terminal's place */
  constructor(terminal: Terminal, note: (text: string) => void) {
    this.#line = terminal.isTTY ? new StatusLine(terminal) : undefined
    this.#note = note
  }

  /** Without a total there is no bar. */
  step(what: string, bytes?: number, totalBytes?: number): void {
    const work = { head: what, bytes, totalBytes, elapsedMs: 0 }
    this.#show(columns => renderWork(work, columns, false), what, work)
  }

  download(progress: Progress): void {
    const nothingYet = { ...progress, bytes: undefined, totalBytes: undefined, elapsedMs: 0 }
    const head = renderProgress(nothingYet, Number.POSITIVE_INFINITY, false)
    if (this.#line === undefined && head !== this.#stage) {
      this.#stage = head
      this.#toldMs = performance.now()
      this.#note(head)
    }
    this.#show(columns => renderProgress(progress, columns, false), head, progress)
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
