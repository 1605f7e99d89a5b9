import { OpenworkError } from '../../shared/errors.ts'

/** Of all writes that wait for an approval or the disk together. What a batch brings stays in memory three times over. */
const MAX_HELD_BYTES = 96_000_000

const RETRY_AFTER_MS = 2_000

/** Keeps writes that wait, for a person perhaps, from filling the memory. */
export class BatchMemory {
  #heldBytes = 0

  /** Runs work for which so many bytes are held. Throws `too_many_writes`; whoever is alone is never refused. */
  async holding<Result>(bytes: number, work: () => Promise<Result>): Promise<Result> {
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > MAX_HELD_BYTES)
      throw new OpenworkError('too_many_writes', 'Other large writes are waiting for their approval or the disk', {
        hint: 'Try again soon, or send less at once',
        details: { retryAfterMs: RETRY_AFTER_MS },
      })
    this.#heldBytes += bytes
    try {
      return await work()
    } finally {
      this.#heldBytes -= bytes
    }
  }
}
