import type { FailureBody } from '../api/failure.ts'
import { OpenworkError } from '../shared/errors.ts'

/** What a client is told of something thrown. Anything but an `OpenworkError` is a bug: clients learn nothing of it. */
export function failureBodyOf(error: unknown): FailureBody {
  if (!(error instanceof OpenworkError)) return { code: 'internal_error', message: 'Unexpected server error' }
  return {
    code: error.code,
    message: error.hint ? `${error.message}. ${error.hint}` : error.message,
    ...(error.details && { details: error.details }),
  }
}

/** What a failure says beyond its body. */
export type FailureExtra = (body: FailureBody) => Record<string, unknown>

/** An answer for something thrown; the caller logs bugs. */
export function failureResponse(error: unknown, extra: FailureExtra = () => ({})): Response {
  const failure = failureBodyOf(error)
  const body = { ...extra(failure), ...failure }
  if (!(error instanceof OpenworkError)) return Response.json(body, { status: 500 })
  const retryAfterMs = error.details && 'retryAfterMs' in error.details ? error.details.retryAfterMs : undefined
  const headers = typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}
  return Response.json(body, { status: error.status, headers })
}
