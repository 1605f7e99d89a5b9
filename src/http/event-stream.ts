import { OpenworkError } from '../shared/errors.ts'
import { failureBodyOf } from './failures.ts'

/** One event of a stream. The same object given to many streams is put into words once. */
export type ServerEvent = {
  /** What a client that reconnects sends as `Last-Event-ID`. */
  readonly id?: string
  /** Its kind; a client takes an event without one for a `message`. */
  readonly event?: string
  /** JSON. */
  readonly data: unknown
}

const KEEP_ALIVE_MS = 15_000
/** A client that has taken nothing through so many comments in a row is not reading. */
const MAX_UNREAD_COMMENTS = 2

export type EventStreamOptions = {
  /** Called once, whoever ended the stream: the iterator is told to stop by the same token. */
  onEnd(reason: 'finished' | 'left' | 'stalled'): void
  /** What the iterator threw and is no `OpenworkError`. */
  onBug(error: unknown): void
  keepAliveMs?: number
}

export type EventStream = {
  readonly body: ReadableStream<Uint8Array>
  /** Ends it from our side; what has not been asked for is not sent. */
  end(): void
}

/**
 * Server-sent events from an iterator, which is asked for the next event only when the client has taken the last one:
 * nothing piles up here. A comment goes out every 15 s; a client that takes none is given up after half a minute. What
 * the iterator throws becomes a last event `failure` with the body that a refusal would have.
 */
export function eventStream(
  events: AsyncIterator<ServerEvent>,
  { onEnd, onBug, keepAliveMs = KEEP_ALIVE_MS }: EventStreamOptions,
): EventStream {
  let controller: ReadableStreamDefaultController<Uint8Array>
  let isOpen = true
  let unread = 0

  const close = (reason: 'finished' | 'left' | 'stalled'): void => {
    if (!isOpen) return
    isOpen = false
    clearInterval(keepAlive)
    if (reason !== 'left') controller.close()
    onEnd(reason)
    // A generator that waits comes to its end when what it waits for does, which `onEnd` sees to.
    events.return?.().catch(onBug)
  }

  const keepAlive = setInterval(() => {
    // Negative while something waits to be taken.
    if ((controller.desiredSize ?? 0) >= 0) {
      unread = 0
      controller.enqueue(COMMENT)
    } else if (++unread >= MAX_UNREAD_COMMENTS) close('stalled')
  }, keepAliveMs)

  const body = new ReadableStream<Uint8Array>(
    {
      start(started) {
        controller = started
      },
      async pull() {
        try {
          const { done, value } = await events.next()
          if (!isOpen) return
          if (done) close('finished')
          else controller.enqueue(encodeEvent(value))
        } catch (error) {
          if (!(error instanceof OpenworkError)) onBug(error)
          if (!isOpen) return
          controller.enqueue(encodeEvent({ event: 'failure', data: failureBodyOf(error) }))
          close('finished')
        }
      },
      cancel: () => close('left'),
    },
    { highWaterMark: 0 },
  )
  return { body, end: () => close('finished') }
}

const encoder = new TextEncoder()
const COMMENT = encoder.encode(': keep-alive\n\n')

const encoded = new WeakMap<ServerEvent, Uint8Array>()

/** JSON has no raw line breaks; ids and kinds are our own and have none either. */
function encodeEvent(event: ServerEvent): Uint8Array {
  const known = encoded.get(event)
  if (known) return known
  const id = event.id === undefined ? '' : `id: ${event.id}\n`
  const kind = event.event === undefined ? '' : `event: ${event.event}\n`
  const bytes = encoder.encode(`${id}${kind}data: ${JSON.stringify(event.data)}\n\n`)
  encoded.set(event, bytes)
  return bytes
}
