/** Nobody who waits looks up less often, unless it was stopped (Ctrl-Z) or the machine slept. */
const LONGEST_STEP_MS = 1_000

/**
 * Tells at each call how long has been waited since this was called. While this process was stopped it did not wait: what
 * it waits for may have happened long ago, and it has not been able to look.
 */
export function waiting(nowMs: () => number = () => performance.now()): () => number {
  let waitedMs = 0
  let lastMs = nowMs()
  return () => {
    const thisMs = nowMs()
    waitedMs += Math.min(thisMs - lastMs, LONGEST_STEP_MS)
    lastMs = thisMs
    return waitedMs
  }
}
