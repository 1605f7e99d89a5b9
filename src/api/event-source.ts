import type { z } from 'zod'
import { OpenworkError } from '../shared/errors.ts'
import type { RawEvent } from './event-parser.ts'
import { readEvents } from './read-events.ts'
import {
  failureIn,
  type OpenworkClientOptions,
  parseOrUndefined,
  readAnswer,
  refusal,
  requestInit,
  unreachable,
} from './request.ts'

/** Our servers send something every 15 s, unless they say otherwise; one silent for three times that is gone. */
const MAX_SILENCE_MS = 45_000

type Events = Readonly<Record<string, z.ZodType>>

/** An event of one of these kinds, with the data of its kind. */
export type ReceivedEvent<Kinds extends Events> = {
  [Kind in keyof Kinds]: { event: Kind; id: string | undefined; data: z.infer<Kinds[Kind]> }
}[keyof Kinds]

/**
 * The events of a stream as they come; kinds that are not in `kinds` are passed over. Ends when `signal` is aborted.
 * Throws an `OpenworkError`: why the server refuses or fails, `server_unreachable` when it does not answer, falls silent
 * or ends the stream, `server_invalid_answer` for events that are not those of `kinds`.
 */
export async function* receiveEvents<Kinds extends Events>(
  options: OpenworkClientOptions & { maxSilenceMs?: number },
  path: string,
  kinds: Kinds,
  signal: AbortSignal,
): AsyncGenerator<ReceivedEvent<Kinds>> {
  const url = `${options.baseUrl.replace(/\/+$/, '')}${path}`
  const open = async (whenGone: AbortSignal): Promise<Response> => {
    const init = requestInit(url, options, { method: 'GET', path })
    const response = await fetch(url, { ...init, signal: whenGone })
    if (response.status === 200) return response
    throw refusal(url, response.status, await failureIn(parseOrUndefined(await readAnswer(url, response))))
  }
  const stream = {
    open,
    openWithinMs: options.timeoutMs,
    maxSilenceMs: options.maxSilenceMs ?? MAX_SILENCE_MS,
    endless: () => invalidAnswer(url, 'an event without end'),
    unreachable: (cause: unknown, limitMs: number) => unreachable(url, cause, limitMs),
  }
  for await (const event of readEvents(stream, signal)) {
    if (event.event === 'failure') throw refusal(url, 200, await failureIn(parseOrUndefined(event.data)))
    const received = readEvent(event, kinds, url)
    if (received) yield received
  }
}

function readEvent<Kinds extends Events>(
  { event, id, data }: RawEvent,
  kinds: Kinds,
  url: string,
): ReceivedEvent<Kinds> | undefined {
  const schema = Object.hasOwn(kinds, event) ? kinds[event] : undefined
  if (!schema) return undefined
  const parsed = schema.safeParse(parseOrUndefined(data))
  // Read by the schema of its own kind.
  if (parsed.success) return { event, id, data: parsed.data } as ReceivedEvent<Kinds>
  throw invalidAnswer(url, `an event "${event}" that is none of an openwork-server`)
}

const invalidAnswer = (url: string, what: string): OpenworkError =>
  new OpenworkError('server_invalid_answer', `${url} sent ${what}`, { details: { url } })
