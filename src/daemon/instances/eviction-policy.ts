/** What is known of a workspace's instance. Times are milliseconds since the epoch. */
export type InstanceUse = {
  /** Since when opencode has one; undefined: it has none. */
  liveSinceMs: number | undefined
  lastUsedAtMs: number
  /** Something held it until then, or, as a lease does, will. */
  heldUntilMs: number
  /** Sessions at work, questions and permissions that wait, terminals that run. */
  work: number
  /** On their way through openwork-server. */
  openRequests: number
  /** Clients connected to its events. */
  listeners: number
  leases: number
  /** opencode could not make it again: its files are broken. */
  isBroken: boolean
  /** It could not make it: it refuses every request, disposals too. */
  isRefused: boolean
}

/** `lookAtMs`: nothing can be idle for long enough before; undefined: it does not matter. */
export type InstancePlan =
  | { state: 'none' }
  | { state: 'busy' | 'held' | 'broken'; lookAtMs: number | undefined }
  | { state: 'idle'; sinceMs: number; evictAtMs: number | undefined }

/** How an instance is, and when it has been idle for long enough. A timeout of 0: never. */
export function planEviction(use: InstanceUse, idleTimeoutMs: number, nowMs: number): InstancePlan {
  if (use.liveSinceMs === undefined) return { state: 'none' }
  const lastMs = Math.max(use.liveSinceMs, use.lastUsedAtMs, use.heldUntilMs)
  // A clock that was set back must not keep it for as long as that was.
  const sinceMs = use.leases > 0 ? lastMs : Math.min(lastMs, nowMs)
  const dueMs = idleTimeoutMs === 0 ? undefined : sinceMs + idleTimeoutMs
  if (use.work + use.openRequests > 0) return { state: 'busy', lookAtMs: dueMs }
  if (use.isRefused) return { state: 'broken', lookAtMs: dueMs }
  if (use.listeners + use.leases > 0 || use.isBroken) return { state: 'held', lookAtMs: dueMs }
  return { state: 'idle', sinceMs, evictAtMs: dueMs }
}
