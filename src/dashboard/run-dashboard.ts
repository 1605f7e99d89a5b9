import type { Readable, Writable } from 'node:stream'
import type { DashboardSource } from './source.ts'

export type DashboardOptions = {
  source: DashboardSource
  /**
   * `owner`: the host was started for this dashboard: leaving it stops the host, unless it is detached.
   * `guest`: the host goes on when this is left.
   */
  role: 'owner' | 'guest'
  /**
   * Has the host go on without the owner, who leaves only then. An `OpenworkError` of it is shown, and nothing has changed.
   */
  release?: () => Promise<void>
  /** In place of `NO_COLOR` and the like, which the caller has read. */
  color: boolean
  /** For screen readers and terminals that cannot position: lines, one after the other. */
  isPlain: boolean
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number }
  env: Readonly<Record<string, string | undefined>>
  /** Where exported logs go by default. */
  cwd: string
  /** Aborted: leave at once, the terminal restored; whoever aborts knows why. */
  signal: AbortSignal
}

/** `detached`: the owner has left the host running. `ended`: the host is gone; with `failure`, by itself. */
export type DashboardEnd = { how: 'left' | 'detached' | 'aborted' } | { how: 'ended'; failure?: string }

/** Shows a host until the user leaves or it has ended. The terminal is as it was before when this resolves or rejects. */
export async function runDashboard(options: DashboardOptions): Promise<DashboardEnd> {
  if (options.isPlain) return (await import('./plain/run-plain.ts')).runPlain(options)
  return (await import('./run-screen.tsx')).runScreen(options)
}
