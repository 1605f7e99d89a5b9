import { messageOf, systemCode } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import type { OpenStreams, StreamAdmission } from './open-streams.ts'

/** RFC 9110 7.6.1: these speak of one connection, not of the message. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Ours to answer, or made anew for the upstream connection. */
const NOT_FORWARDED = [...HOP_BY_HOP, 'host', 'content-length', 'expect']

export type UpstreamFailureKind =
  /** Nobody listens, the connection broke before the answer, or none could be made. */
  | 'unreachable'
  /** Connected, and while the answer was awaited the other end fell silent. */
  | 'no_answer'
  /** What came is not HTTP. */
  | 'invalid_answer'
  /** The client is gone; nobody will read the answer. */
  | 'client_gone'

export class UpstreamFailure extends Error {
  readonly kind: UpstreamFailureKind

  constructor(kind: UpstreamFailureKind, cause: unknown) {
    super(messageOf(cause), { cause })
    this.kind = kind
  }
}

export type ForwardOptions = {
  url: URL
  /** Request headers not to pass on, beyond the connection's own; in lower case. */
  drop: readonly string[]
  /** Request headers to set, after dropping. */
  set: Readonly<Record<string, string>>
  /**
   * Asked every `everyMs` until the answer begins; two noes in a row end the request. Otherwise it waits as long as the
   * client does: how long an answer may take, nobody here can tell.
   */
  liveness: { everyMs: number; isAlive: () => Promise<boolean> }
  /** What is open; a program ends it before it ends itself, and a request that is not answered yet is `unreachable`. */
  streams: OpenStreams
  /** Whom it belongs to among these. */
  owner?: string
  /** Called, perhaps more than once, when nothing of the answer is to come any more, or as good as nothing. */
  onEnd?: () => void
  /** Event streams end when the client is admitted no more. */
  admission: StreamAdmission
}

/**
 * Sends a request on and gives back what comes: status, headers and bytes as they are, a content encoding included,
 * redirects included. Bodies stream both ways. When the client goes, so does the upstream request.
 * Throws `UpstreamFailure`.
 */
export async function forward(request: Request, options: ForwardOptions): Promise<Response> {
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD' && request.body !== null
  const aborter = new AbortController()
  const { onEnd = () => {} } = options
  const clientGone = (): void => {
    aborter.abort()
    onEnd()
  }
  request.signal.addEventListener('abort', clientGone, { once: true })
  let fellSilent = false
  const stopWatching = watchLiveness(options.liveness, () => {
    fellSilent = true
    aborter.abort()
  })
  // When the program ends nothing is waited for that may take an hour: the client is told to come again.
  const forget = options.streams.add(() => aborter.abort(), options.owner)
  try {
    const answer = await fetch(options.url, {
      method: request.method,
      headers: requestHeaders(request.headers, options),
      ...(hasBody && { body: request.body }),
      redirect: 'manual',
      signal: aborter.signal,
      // Bun's own: bytes as they come, and no limit on silence (it is 300 s).
      decompress: false,
      timeout: false,
      ...fetchRoute(options.url),
    } as RequestInit)
    const headers = responseHeaders(answer.headers)
    const body = passedOn(answer.body, headers, options)
    return new Response(body, { status: answer.status, statusText: answer.statusText, headers })
  } catch (error) {
    onEnd()
    throw new UpstreamFailure(failureKind(error, { fellSilent, clientGone: request.signal.aborted }), error)
  } finally {
    stopWatching()
    forget()
  }
}

function passedOn(
  body: ReadableStream<Uint8Array> | null,
  headers: Headers,
  { streams, admission, owner, onEnd }: ForwardOptions,
): ReadableStream<Uint8Array> | null {
  if (body && isEventStream(headers)) return streams.pass(body, admission, { owner, onEnd })
  // With a length it is made already, and on its way: to watch it would cost more than it tells.
  if (body && onEnd && !headers.has('content-length')) return untilEnd(body, onEnd)
  onEnd?.()
  return body
}

export const isEventStream = (headers: Headers): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') ?? false

/** The same bytes as they come; `onEnd` is called when there are no more, or nobody wants them. */
function untilEnd(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read().catch(error => {
          onEnd()
          throw error
        })
        if (value) controller.enqueue(value)
        if (!done) return
        onEnd()
        controller.close()
      },
      cancel(reason) {
        onEnd()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

function watchLiveness({ everyMs, isAlive }: ForwardOptions['liveness'], onSilence: () => void): () => void {
  let noes = 0
  const timer = setInterval(async () => {
    noes = (await isAlive()) ? 0 : noes + 1
    if (noes === 2) onSilence()
  }, everyMs)
  return () => clearInterval(timer)
}

function failureKind(error: unknown, seen: { fellSilent: boolean; clientGone: boolean }): UpstreamFailureKind {
  if (seen.clientGone) return 'client_gone'
  if (seen.fellSilent) return 'no_answer'
  // What Bun's parser found wrong has such names; what befell the connection has system codes.
  return /^(?:Malformed_|Invalid|ResponseHeader)/.test(systemCode(error) ?? '') ? 'invalid_answer' : 'unreachable'
}

function requestHeaders(received: Headers, { drop, set }: ForwardOptions): Headers {
  const headers = new Headers(received)
  for (const name of [...namedByConnection(received), ...NOT_FORWARDED, ...drop]) headers.delete(name)
  // Otherwise Bun offers its own list, and the answer may come in an encoding the client never offered.
  if (!headers.has('accept-encoding')) headers.set('accept-encoding', 'identity')
  for (const [name, value] of Object.entries(set)) headers.set(name, value)
  return headers
}

/** Bun frames the answer anew, and keeps a content length that still holds. */
function responseHeaders(received: Headers): Headers {
  const headers = new Headers(received)
  for (const name of [...namedByConnection(received), ...HOP_BY_HOP]) headers.delete(name)
  // Who may read the answer is decided here, not by what stands behind.
  for (const name of [...headers.keys()]) if (name.startsWith('access-control-')) headers.delete(name)
  return headers
}

function namedByConnection(headers: Headers): string[] {
  const connection = headers.get('connection')
  if (connection === null) return []
  return connection
    .split(',')
    .map(name => name.trim().toLowerCase())
    .filter(name => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))
}
