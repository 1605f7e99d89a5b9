import type { z } from 'zod'
import { type FailureCode, OpenworkError } from '../shared/errors.ts'
import { validate } from './validate.ts'

/** Longer request bodies are refused everywhere, proxies included. */
export const MAX_BODY_BYTES = 128 * 1024 * 1024

/** For `Bun.serve`, which answers a longer body with a bare 413; up to here the answer is ours, in JSON. */
export const BUN_BODY_LIMIT = 8 * MAX_BODY_BYTES

/** For the JSON routes, unless one says otherwise. */
const MAX_JSON_BYTES = 1024 * 1024

/** Throws `body_too_large` when the request announces more than `maxBytes`. */
export function checkAnnouncedLength(request: Request, maxBytes: number): void {
  const announced = request.headers.get('content-length')
  if (announced !== null && Number(announced) > maxBytes) throw tooLarge(maxBytes)
}

type JsonBodyOptions = {
  codes?: Readonly<Record<string, FailureCode>>
  /** An empty body is as good as `{}`. */
  isOptional?: boolean
  maxBytes?: number
}

/**
 * The request's body, parsed and validated. Throws `body_too_large`, `requester_gone`, `invalid_json` (also for an empty
 * body, unless that is as good as `{}`), or `invalid_payload` with the issues found; `codes` names another code for an issue in one field.
 */
export async function readJsonBody<Body>(
  request: Request,
  schema: z.ZodType<Body>,
  { codes, isOptional = false, maxBytes = MAX_JSON_BYTES }: JsonBodyOptions = {},
): Promise<Body> {
  checkAnnouncedLength(request, maxBytes)
  const text = await readText(request, maxBytes)
  return validate(text === '' && isOptional ? {} : parseJson(text), schema, codes)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new OpenworkError('invalid_json', text === '' ? 'The body is empty, JSON is expected' : 'Not JSON', { cause })
  }
}

/** Throws `requester_gone` when it breaks off. */
async function readText(request: Request, maxBytes: number): Promise<string> {
  try {
    return await readWhole(request, maxBytes)
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'AbortError') throw cause
    throw new OpenworkError('requester_gone', 'The requester left before the body was whole', { cause })
  }
}

/** Counted while it arrives: a chunked body announces no length. */
async function readWhole(request: Request, maxBytes: number): Promise<string> {
  if (request.headers.has('content-length')) return request.text()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

const tooLarge = (maxBytes: number): OpenworkError =>
  new OpenworkError('body_too_large', `The body is larger than ${maxBytes} bytes`, { details: { maxBytes } })
