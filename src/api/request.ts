import type { z } from 'zod'
import { FAILURES, type FailureCode, OpenworkError } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import { reveal, type Secret } from '../shared/secret.ts'
import type { FailureBody } from './failure.ts'

export type OpenworkClientOptions = {
  /** `http://host:port`, a path of a reverse proxy kept, or a workspace's mount `…/w/<id>`. */
  baseUrl: string
  /** Sent as bearer. */
  token?: string | Secret
  /** Sent as `X-OpenWork-Host-Token`. */
  hostToken?: string | Secret
  userAgent?: string
  /** Limit of one call, its body included. */
  timeoutMs: number
}

/** Beyond the largest answer of ours: a batch of files with 32 MB of content, as base64. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** `path` begins with `/` and is percent-encoded; `body` is sent as JSON. */
type Ask = { method: string; path: string; body?: unknown }

/** A schema, or what loads it: that takes as long as the rest of a command, and so happens while the server works. */
type Reply<Result> = z.ZodType<Result> | (() => Promise<z.ZodType<Result>>)

/** One call, with the promises of `OpenworkClient`: for groups of routes that have a client of their own. */
export async function askServer<Result>(
  options: OpenworkClientOptions,
  ask: Ask,
  reply: Reply<Result>,
): Promise<Result> {
  const url = `${options.baseUrl.replace(/\/+$/, '')}${ask.path}`
  const [{ status: httpStatus, text }, schema] = await Promise.all([
    exchange(url, options, ask),
    typeof reply === 'function' ? reply() : reply,
  ])
  const json = parseOrUndefined(text)
  if (httpStatus < 200 || httpStatus >= 300) throw refusal(url, httpStatus, await failureIn(json))
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new OpenworkError('server_invalid_answer', `${url} gave no answer of an openwork-server`, {
    hint: 'Check the URL: something else may listen there',
    details: { url, status: httpStatus, issue: issue && `${issue.path.join('.')}: ${issue.message}` },
  })
}

async function exchange(
  url: string,
  options: OpenworkClientOptions,
  ask: Ask,
): Promise<{ status: number; text: string }> {
  const init = requestInit(url, options, ask)
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(options.timeoutMs) })
    return { status: response.status, text: await readAnswer(url, response) }
  } catch (cause) {
    throw cause instanceof OpenworkError ? cause : unreachable(url, cause, options.timeoutMs)
  }
}

/** The text of an answer. Throws `server_invalid_answer` for one that is longer than any of ours, or than `maxBytes`. */
export async function readAnswer(
  url: string,
  { body, status }: Response,
  maxBytes: number = MAX_ANSWER_BYTES,
): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const chunk of body ?? []) {
    length += chunk.byteLength
    if (length > maxBytes)
      throw new OpenworkError('server_invalid_answer', `${url} sent more than ${maxBytes} bytes`, {
        hint: 'Check the URL: something else may listen there',
        details: { url, status },
      })
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** What `fetch` needs besides a signal. Throws `invalid_value` for what is no URL of a server. */
export function requestInit(
  url: string,
  { token, hostToken, userAgent }: OpenworkClientOptions,
  { method, body }: Ask,
): RequestInit {
  if (!URL.canParse(url) || !/^https?:/i.test(url))
    throw new OpenworkError('invalid_value', `"${url}" is not an http or https URL`)
  return {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${reveal(token)}` }),
      ...(hostToken !== undefined && { 'x-openwork-host-token': reveal(hostToken) }),
      ...(userAgent !== undefined && { 'user-agent': userAgent }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // A credential goes to the server it was meant for, not where that one points.
    redirect: 'manual',
    ...fetchRoute(url),
  }
}

/** The failure for a request that got no answer, or not a whole one. */
export function unreachable(url: string, cause: unknown, timeoutMs: number): OpenworkError {
  const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError'
  const reason = timedOut ? `no answer within ${timeoutMs} ms` : cause instanceof Error ? cause.message : String(cause)
  return new OpenworkError('server_unreachable', `Cannot reach ${url}: ${reason}`, {
    hint: 'See whether the host runs: openwork status',
    cause,
    details: { url },
  })
}

/** The failure for an answer that is none of the expected ones: the server's own where it names one. */
export function refusal(url: string, httpStatus: number, failure: FailureBody | undefined): OpenworkError {
  const details = { url, status: httpStatus, ...(failure && { code: failure.code, details: failure.details }) }
  const message = failure?.message ?? `${url} answered with status ${httpStatus}`
  const code = failure && isFailureCode(failure.code) ? failure.code : 'request_refused'
  return new OpenworkError(code, message, { details })
}

/** What an answer says that is no success; undefined for what none of our servers says. */
export async function failureIn(json: unknown): Promise<FailureBody | undefined> {
  const { failureBody } = await import('./failure.ts')
  return failureBody.safeParse(json).data
}

const isFailureCode = (code: string): code is FailureCode => Object.hasOwn(FAILURES, code)

export function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // told apart by the caller: a refusal needs no JSON, an answer does
  }
}
