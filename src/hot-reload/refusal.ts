import { z } from 'zod'
import { type ConfigProblem, configProblem } from '../api/hot-reload.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { PolicyEvent } from './reload-policy.ts'

export const isRefused = (error: unknown): error is OpenworkError =>
  error instanceof OpenworkError && error.code === 'opencode_config_invalid'

/** opencode refuses what it has just read. */
export class FreshRefusal extends OpenworkError {
  constructor({ code, message, hint, details }: OpenworkError) {
    super(code, message, { ...(hint !== undefined && { hint }), details })
  }
}

export function asFresh(error: unknown): never {
  throw isRefused(error) ? new FreshRefusal(error) : error
}

/** What a failure in a turn is to the policy. */
export function eventOf(error: unknown): PolicyEvent {
  if (isRefused(error)) return { type: 'refused', problems: problemsOf(error), isFresh: error instanceof FreshRefusal }
  if (error instanceof OpenworkError && error.code === 'opencode_unreachable') return { type: 'unreachable' }
  return { type: 'failed', message: messageOf(error) }
}

function problemsOf({ details, message }: OpenworkError): ConfigProblem[] {
  const parsed = refusedDetails.safeParse(details)
  return parsed.success ? parsed.data.problems : [{ path: 'its configuration', message }]
}

const refusedDetails = z.object({ problems: z.array(configProblem) })
