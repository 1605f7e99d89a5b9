/** What a transfer may take. Every number can be changed, for tests and for callers with small files. */
export type TransferLimits = {
  /** From the request to the head of the answer, name lookup and connecting included; of each redirect anew. Tried twice. */
  headersMs: number
  /** A body that brings less than this over `stallWindowMs` counts as stalled. */
  stallBytesPerSecond: number
  stallWindowMs: number
  /** Of one URL, for what may pass. An attempt that brought a megabyte or more does not count. */
  attempts: number
  /** Pause before the first retry, doubled from one to the next, and the longest one; up to twice as much, at random. */
  backoffMs: readonly [first: number, most: number]
  /** Longest `Retry-After` that is waited for; a server that asks for more is given up. */
  retryAfterMs: number
}

export const TRANSFER_LIMITS: TransferLimits = {
  headersMs: 20_000,
  stallBytesPerSecond: 1024,
  stallWindowMs: 20_000,
  attempts: 5,
  backoffMs: [500, 10_000],
  retryAfterMs: 60_000,
}
