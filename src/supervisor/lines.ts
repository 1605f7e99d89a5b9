/** A longer line is delivered in pieces of this many UTF-16 units, so that one without an end cannot fill memory. */
const MAX_LINE_LENGTH = 64 * 1024

/**
 * Bytes to lines: UTF-8 across chunks, LF and CRLF, invalid bytes as U+FFFD. `end()` gives the last, unterminated line.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder()
  readonly #line: (text: string) => void
  #rest = ''

  constructor(line: (text: string) => void) {
    this.#line = line
  }

  push(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }))
  }

  end(): void {
    this.#take(this.#decoder.decode())
    if (this.#rest !== '') this.#emit(this.#rest)
    this.#rest = ''
  }

  #take(text: string): void {
    let from = 0
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
      this.#emit(this.#rest + text.slice(from, at))
      this.#rest = ''
      from = at + 1
    }
    this.#rest += text.slice(from)
    while (this.#rest.length > MAX_LINE_LENGTH) this.#rest = this.#emitPiece(this.#rest)
  }

  #emit(line: string): void {
    let rest = line.endsWith('\r') ? line.slice(0, -1) : line
    while (rest.length > MAX_LINE_LENGTH) rest = this.#emitPiece(rest)
    this.#line(rest)
  }

  /** Delivers the first piece, not cutting a surrogate pair in two; returns what is left. */
  #emitPiece(text: string): string {
    const last = text.charCodeAt(MAX_LINE_LENGTH - 1)
    const length = last >= 0xd800 && last <= 0xdbff ? MAX_LINE_LENGTH - 1 : MAX_LINE_LENGTH
    this.#line(text.slice(0, length))
    return text.slice(length)
  }
}

/** The last lines of a program's output. A very long line is kept by its beginning. */
export class LastLines {
  static readonly #MAX_LINES = 20
  static readonly #MAX_LENGTH = 1_000
  readonly #lines: string[] = []

  add(text: string): void {
    const { length } = text
    // A slice may keep the whole chunk it was cut from in memory; twenty of those are bounded too.
    this.#lines.push(length > LastLines.#MAX_LENGTH ? `${text.slice(0, LastLines.#MAX_LENGTH)}…` : text)
    if (this.#lines.length > LastLines.#MAX_LINES) this.#lines.shift()
  }

  toArray(): readonly string[] {
    return [...this.#lines]
  }
}
