import { connect, type Socket } from 'node:net'

export type Received = { id: string | undefined; event: string; data: unknown }

export type StreamRequest = { url: string; headers?: Record<string, string>; lastEventId?: string | undefined }

/**
 * A client of an event stream over a socket of its own: `fetch` would hold back all but 256 of them. Remembers what it
 * got; the caller drops it.
 */
export class StreamClient {
  readonly received: Received[] = []
  readonly #socket: Socket
  readonly #chunks = new ChunkedBody()
  #text = ''
  #waiting: (() => void)[] = []
  #isEnded = false

  constructor({ url, headers = {}, lastEventId }: StreamRequest) {
    const { hostname, port, pathname, search } = new URL(url)
    this.#socket = connect(Number(port), hostname)
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes))
    this.#socket.on('close', () => this.#end())
    this.#socket.on('error', () => {}) // the close tells
    const all = { ...headers, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
    const lines = Object.entries({ host: `${hostname}:${port}`, ...all }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    this.#socket.write(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`)
  }

  /** Status of the answer; 0 before it is there. */
  get status(): number {
    return this.#chunks.status
  }

  get lastEventId(): string | undefined {
    return this.received.findLast(({ id }) => id !== undefined)?.id
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Resolves when the condition holds or the stream has ended. */
  async until(holds: (client: this) => boolean): Promise<void> {
    while (!holds(this) && !this.#isEnded) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  /** Cuts the connection, as a network does. Resolves when it is gone. */
  drop(): Promise<void> {
    this.#socket.destroy()
    return this.until(() => this.#isEnded)
  }

  #take(bytes: Buffer): void {
    this.#text += this.#chunks.decode(bytes)
    const events = this.#text.split('\n\n')
    this.#text = events.pop() ?? ''
    for (const event of events) if (!event.startsWith(':')) this.received.push(parseEvent(event))
    if (this.#chunks.isComplete) this.#end()
    else this.#wake()
  }

  #end(): void {
    this.#isEnded = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

function parseEvent(text: string): Received {
  const fields = new Map(
    text.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  return {
    id: fields.get('id'),
    event: fields.get('event') ?? 'message',
    data: JSON.parse(fields.get('data') ?? 'null'),
  }
}

/** The body of an answer that comes in chunks, as text. */
class ChunkedBody {
  status = 0
  /** The server has ended it: the connection stays for another request. */
  isComplete = false
  #bytes = Buffer.alloc(0)

  decode(bytes: Buffer): string {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    if (this.status === 0 && !this.#readHead()) return ''
    let text = ''
    for (;;) {
      const lineEnd = this.#bytes.indexOf('\r\n')
      if (lineEnd === -1) return text
      const length = Number.parseInt(this.#bytes.toString('latin1', 0, lineEnd), 16)
      const end = lineEnd + 2 + length
      if (Number.isNaN(length) || this.#bytes.length < end + 2) return text
      this.isComplete ||= length === 0
      text += this.#bytes.toString('utf8', lineEnd + 2, end)
      this.#bytes = this.#bytes.subarray(end + 2)
    }
  }

  #readHead(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end === -1) return false
    this.status = Number(this.#bytes.toString('latin1', 9, 12))
    this.#bytes = this.#bytes.subarray(end + 4)
    return true
  }
}
