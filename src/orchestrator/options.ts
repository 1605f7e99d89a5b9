import type { LogFormat } from '../shared/log.ts'
import type { Secret } from '../shared/secret.ts'
import type { SidecarSource, SourceFlags } from '../sidecars/find/sidecar-source.ts'
import type { ReleasePlace } from '../sidecars/release/release.ts'

/** Everything a start was asked for, validated, with defaults filled in. Paths are absolute, times milliseconds. */
export type StartOptions = {
  runId: string
  workspace: string
  createWorkspace: boolean
  /**
   * What openwork-server serves: `one` workspace, the one above; or `listed` ones, by its settings file, which the caller
   * keeps. Then the workspace is where opencode runs, and the data dir's own things are kept apart from any workspace's.
   */
  serves: 'one' | 'listed'
  dataDir: string
  devMode: boolean
  verbose: boolean
  logFormat: LogFormat
  opencode: {
    /** Given by a parent program that is allowed to; new ones are made otherwise. */
    credentials: { username: Secret; password: Secret } | undefined
    bin: string | undefined
    source: SidecarSource
    /** How the two were given. */
    flags: SourceFlags
    host: string
    /** `undefined`: any free one. */
    port: number | undefined
    /** Taken when it is free and no port was asked for: clients of an earlier run know it. */
    formerPort: number | undefined
    logLevel: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | undefined
    hotReload: HotReloadOptions
    readyWithinMs: number
  }
  sidecars: ReleasePlace & {
    dir: string
    source: SidecarSource
    allowExternal: boolean
  }
  server: {
    /** The user's own program for it. */
    bin: string | undefined
    /** How that, and the source of sidecars, were given. */
    flags: SourceFlags
    remoteAccess: boolean
    connectHost: string | undefined
    /** The port asked for; `exact` when it was asked for in so many words, so that another one will not do. */
    port: { number: number; exact: boolean }
    token: Secret | undefined
    hostToken: Secret | undefined
    approval: { mode: 'manual' | 'auto'; timeoutMs: number }
    readOnly: boolean
    cors: readonly string[]
    /** Names, beside addresses and our own, under which clients reach the server. */
    allowedHosts: readonly string[]
  }
}

export type HotReloadOptions = {
  enabled: boolean
  /** Quiet after the last change before a reload. */
  debounceMs: number
  /** Least time between two reloads. */
  cooldownMs: number
  /** After so long of waiting for work to end, people are told. */
  deadlineMs: number
}

export const DEFAULT_SERVER_PORT = 8787
