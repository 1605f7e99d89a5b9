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

export const KEEP_ALIVE_MS = 15_000

type EventStreamOptions = {
  /** Aborted when the stream ends, whoever ends it: the iterator is to stop waiting then. */
  ended: AbortController
  /** Asked before every event and sign of life; what it throws ends the stream: a token may have been revoked. */
  stillAdmitted(): unknown
  /** The client does not read and has been given up: nothing tells whether it is still there. */
  onStalled(): void
  /** What the iterator threw and is no `OpenworkError`. */
  onBug(error: unknown): void
  /** Between two comments. */
  keepAliveMs?: number | undefined
  /** A client that takes nothing for so long is not reading. Twice the time between two comments unless given. */
  giveUpMs?: number | undefined
}

type EventStream = {
  readonly body: ReadableStream<Uint8Array>
  /** Ends it from our side; what has not been asked for is not sent. */
  end(): void
}

/**
 * Server-sent events from an iterator, which is asked for the next event only when the client has taken the last one:
 * nothing piles up here. A comment goes out every 15 s unless told otherwise; a client that takes none is given up after
 * half a minute. What the iterator throws becomes a last event `failure` with the body that a refusal would have.
 */
export function eventStream(
  events: AsyncIterator<ServerEvent>,
  {
    ended,
    stillAdmitted,
    onStalled,
    onBug,
    keepAliveMs = KEEP_ALIVE_MS,
    giveUpMs = 2 * keepAliveMs,
  }: EventStreamOptions,
): EventStream {
  const { signal } = ended
  let controller: ReadableStreamDefaultController<Uint8Array>
  let unread = 0

  const finish = (): void => {
    if (signal.aborted) return
    controller.close()
    leave()
  }
  const leave = (): void => {
    clearInterval(keepAlive)
    ended.abort()
    // A generator that waits is at its next `yield` as soon as what it waits for has heard of the end.
    events.return?.().catch(report)
  }
  const report = (error: unknown): void => {
    const isOurAbort = signal.aborted && error instanceof Error && error.name === 'AbortError'
    if (!(error instanceof OpenworkError || isOurAbort)) onBug(error)
  }
  const fail = (error: unknown): void => {
    report(error)
    if (signal.aborted) return
    controller.enqueue(encodeEvent({ event: 'failure', data: failureBodyOf(error) }))
    finish()
  }
  const showLife = (): void => {
    if (signal.aborted) return
    // Negative while something waits to be taken.
    if ((controller.desiredSize ?? 0) >= 0) {
      unread = 0
      controller.enqueue(COMMENT)
    } else if (++unread * keepAliveMs >= giveUpMs) {
      finish()
      onStalled()
    }
  }
  const keepAlive = setInterval(() => Promise.try(stillAdmitted).then(showLife).catch(fail), keepAliveMs)

  const body = new ReadableStream<Uint8Array>(
    {
      start(started) {
        controller = started
        // Bun holds the headers back until there is something to send with them (1.4.5).
        controller.enqueue(OPENING)
      },
      async pull() {
        try {
          const { done, value } = await events.next()
          if (!done) await stillAdmitted()
          if (signal.aborted) return
          if (done) finish()
          else controller.enqueue(encodeEvent(value))
        } catch (error) {
          fail(error)
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
  return { body, end: finish }
}

const encoder = new TextEncoder()
const OPENING = encoder.encode(': open\n\n')
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
