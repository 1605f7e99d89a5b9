/** No event of ours, and none of opencode's, is a tenth as long: what sends more is no server of these. */
const MAX_EVENT_BYTES = 16 * 1024 * 1024

export type RawEvent = { event: string; id: string | undefined; data: string }

/** Server-sent events out of bytes, as https://html.spec.whatwg.org/multipage/server-sent-events.html has them. */
export class EventParser {
  readonly #decoder = new TextDecoder()
  #text = ''
  #event = ''
  #id: string | undefined
  #data: string[] = []
  #length = 0
  readonly #tooLong: () => Error

  /** `tooLong` makes what is thrown for an event beyond any limit. */
  constructor(tooLong: () => Error) {
    this.#tooLong = tooLong
  }

  #take(line: string): void {
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#event = value
    else if (field === 'id') this.#id = value
    else if (field === 'data') this.#data.push(value)
  }

  *push(chunk: Uint8Array): Generator<RawEvent> {
    this.#length += chunk.byteLength
    if (this.#length > MAX_EVENT_BYTES) throw this.#tooLong()
    const lines = (this.#text + this.#decoder.decode(chunk, { stream: true })).split(/\r?\n/)
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') yield* this.#finish()
      else this.#take(line)
    }
  }

  *#finish(): Generator<RawEvent> {
    if (this.#data.length > 0) yield { event: this.#event || 'message', id: this.#id, data: this.#data.join('\n') }
    this.#event = ''
    this.#data = []
    this.#length = 0
  }
}
