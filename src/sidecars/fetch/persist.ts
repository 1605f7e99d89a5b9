import { setTimeout as delay } from 'node:timers/promises'
import pRetry from 'p-retry'
import type { TransferLimits } from './limits.ts'
import { TransferFailure } from './transfer-failure.ts'

type Persistence = {
  limits: TransferLimits
  signal: AbortSignal | undefined
  /** Whether the attempt that failed just now brought the matter forward: then it is not counted. Must end some day. */
  hasAdvanced?: () => boolean
  /** Told why each attempt failed, the last one too. */
  onFailure?: (problem: string) => void
}

/** Attempts until one succeeds or what went wrong will not pass by itself; pauses grow, and differ from machine to machine. */
export const persist = <Result>(
  attempt: (number: number) => Promise<Result>,
  { limits, signal, hasAdvanced = () => false, onFailure = () => {} }: Persistence,
): Promise<Result> =>
  pRetry(attempt, {
    retries: limits.attempts - 1,
    minTimeout: limits.backoffMs[0],
    maxTimeout: limits.backoffMs[1],
    randomize: true,
    ...(signal && { signal }),
    onFailedAttempt: ({ error }) => onFailure(error.message),
    shouldConsumeRetry: () => !hasAdvanced(),
    shouldRetry: async ({ error, retriesConsumed }) => {
      if (!(error instanceof TransferFailure)) return false
      const { retry, retryAfterMs = 0 } = error.facts
      if (retry === 'never' || (retry === 'once' && retriesConsumed > 0)) return false
      if (retryAfterMs > limits.retryAfterMs) return false
      await delay(retryAfterMs, undefined, signal ? { signal } : {})
      return true
    },
  })
