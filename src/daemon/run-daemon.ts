import type { DaemonStatus } from '../api/daemon.ts'
import type { StartOptions } from '../orchestrator/options.ts'
import type { StartDeps } from '../orchestrator/start.ts'
import { OpenworkError } from '../shared/errors.ts'

/** Everything a daemon was asked for, validated. Paths are absolute. */
export type DaemonOptions = {
  /** Its opencode and openwork-server. `serves`, `workspace`, `createWorkspace` and the former port are set here. */
  services: StartOptions
  host: string
  /** Undefined or 0: the one of its last life where that is free, else any. */
  port: number | undefined
  /** Web origins whose pages may use the daemon's API. */
  cors: readonly string[]
  /** Where opencode runs; a folder of the data dir unless given. */
  opencodeWorkdir: string | undefined
  /** 0: never. */
  idleTimeoutMs: number
  memoryLimitBytes: number | undefined
  /** As told in its status. */
  logFile: string | undefined
}

export type RunningDaemon = {
  /** Its API, for this machine. */
  baseUrl: string
  host: string
  port: number
  status(): Promise<DaemonStatus>
  /**
   * Resolves when it should be stopped by itself: `undefined` when that was asked for over the API, else the failure of
   * a service that gave up. Never rejects.
   */
  ended: Promise<OpenworkError | undefined>
  /** Takes everything down, and leaves nothing but the list of workspaces. */
  stop(): Promise<void>
}

/**
 * Starts the daemon of a data dir; resolves when it can be used. What was started is down again when this throws.
 * @throws OpenworkError daemon_already_running, daemon_state_unusable, and what `start` throws
 */
export async function runDaemon(
  _options: DaemonOptions,
  _deps: Omit<StartDeps, 'onEvent' | 'workspaces'>,
): Promise<RunningDaemon> {
  throw new OpenworkError('not_available', 'The daemon is not written yet')
}
