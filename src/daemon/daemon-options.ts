import type { StartOptions } from '../orchestrator/options.ts'

/** Everything a daemon was asked for, validated, with defaults filled in. Paths are absolute, times milliseconds. */
export type DaemonOptions = {
  /** Of its opencode and openwork-server. */
  services: Omit<StartOptions, 'workspace' | 'createWorkspace' | 'serves'>
  /** Where opencode runs; undefined: a folder of the daemon's own. */
  workdir: string | undefined
  /** Where its API listens; port `undefined`: the one it had before, else any. */
  listen: { host: string; port: number | undefined }
  /** 0: never. */
  idleTimeoutMs: number
  memoryLimitBytes: number | undefined
  /** Where its log goes, when it has no terminal. */
  logFile: string | undefined
}
