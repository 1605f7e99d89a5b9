import { OpenworkError } from '../shared/errors.ts'
import { takeInterruptions } from './signals.ts'

/**
 * Does something that a signal may end at any time.
 * @throws OpenworkError `interrupted`, saying what became of it
 */
export async function interruptible<Result>(
  outcome: string | (() => string),
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const interruptions = takeInterruptions()
  try {
    return await Promise.race([work(interruptions.signal), interruptions.forced])
  } catch (error) {
    if (!interruptions.signal.aborted) throw error
    throw new OpenworkError('interrupted', `Interrupted; ${typeof outcome === 'string' ? outcome : outcome()}`, {
      exitCode: interruptions.exitCode(),
      cause: error,
    })
  } finally {
    interruptions.release()
  }
}
