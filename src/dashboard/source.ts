import type { HostCredentials, HostLogEntry, HostPairing, HostSnapshot } from '../api/host.ts'

/** What the dashboard is told. */
export type SourceEvent =
  | { type: 'snapshot'; snapshot: HostSnapshot }
  /** Oldest first. `dropped` lines before them came too fast, and are gone. */
  | { type: 'log'; entries: readonly HostLogEntry[]; dropped: number }
  /** `lost`: it is tried again and again; `reason` is for people, `sinceMs` when the host was heard of last. */
  | { type: 'connection'; state: 'connected' | 'lost'; reason?: string; sinceMs?: number }
  /** The host is gone; `failure` when that was not asked for. */
  | { type: 'ended'; failure?: string }

/**
 * All that the dashboard knows of the world: one host, here or in the background or a daemon. The requests throw an
 * `OpenworkError` whose message can be shown.
 */
export type DashboardSource = {
  /** Told of everything from now on, the present state first. Returns how to stop that. */
  listen(listener: (event: SourceEvent) => void): () => void
  /** Throws `workspace_busy` unless forced. */
  restartService(name: string, request: { force: boolean }): Promise<void>
  /** Resolves to what was done, for people. Throws `workspace_busy` unless forced. */
  reload(request: { directory?: string | undefined; force: boolean }): Promise<string>
  replyApproval(id: string, reply: 'allow' | 'deny'): Promise<void>
  credentials(): Promise<HostCredentials>
  openPairing(): Promise<HostPairing>
  /** Throws `workspace_busy` unless forced. The `ended` event tells when it is done. */
  stop(request: { force: boolean }): Promise<void>
}
