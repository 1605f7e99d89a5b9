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

/** An answer for something thrown; the caller logs bugs. */
export function failureResponse(error: unknown): Response {
  if (!(error instanceof OpenworkError)) return Response.json(failureBodyOf(error), { status: 500 })
  const retryAfterMs = error.details && 'retryAfterMs' in error.details ? error.details.retryAfterMs : undefined
  const headers = typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}
  return Response.json(failureBodyOf(error), { status: error.status, headers })
}
