import type { FailureBody } from '../api/failure.ts'
import { OpenworkError } from '../shared/errors.ts'

/** An answer for something thrown. Anything but an `OpenworkError` is a bug: the caller logs it, clients learn nothing. */
export function failureResponse(error: unknown): Response {
  if (!(error instanceof OpenworkError))
    return Response.json({ code: 'internal_error', message: 'Unexpected server error' } satisfies FailureBody, {
      status: 500,
    })
  const body: FailureBody = {
    code: error.code,
    message: error.hint ? `${error.message}. ${error.hint}` : error.message,
    ...(error.details && { details: error.details }),
  }
  const retryAfterMs = error.details?.retryAfterMs
  const headers = typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}
  return Response.json(body, { status: error.status, headers })
}
