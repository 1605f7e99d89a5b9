'use strict'

const ATTEMPTS = { never: 1, once: 2, often: 3 }
/** Before the first retry; doubled from one to the next. */
const PAUSE_MS = 500
/** Longest `Retry-After` that is waited for. */
const MOST_PAUSE_MS = 60_000
/** An attempt that brought so much more than any before it is not counted: a line may break as often as it likes. */
const ADVANCE_BYTES = 1024 * 1024

/** Attempts to fill `part` until one succeeds, or what went wrong will not pass by itself. */
async function persist(part, attempt) {
  let mostBytes = part.bytes
  for (let failed = 0; ; ) {
    try {
      return await attempt()
    } catch (error) {
      const hasAdvanced = part.bytes - mostBytes >= ADVANCE_BYTES
      mostBytes = Math.max(mostBytes, part.bytes)
      failed = hasAdvanced ? 0 : failed + 1
      const { again = 'never', retryAfterMs = 0 } = error
      if (again === 'never' || failed >= ATTEMPTS[again] || retryAfterMs > MOST_PAUSE_MS) throw error
      await new Promise(resolve => setTimeout(resolve, Math.max(retryAfterMs, PAUSE_MS * 2 ** Math.max(failed - 1, 0))))
    }
  }
}

module.exports = { persist }
