import type { Self } from '../services/own-program.ts'
import type { Made } from '../sidecars/cache/cache-items.ts'
import type { ReleasePlace } from '../sidecars/release/release.ts'
import type { Finding, Fix } from './check.ts'
import type { Reached } from './checks/downloads.ts'

/** Everything the checks know of whoever called them. */
export type Surroundings = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly dataDir: string
  readonly sidecarDir: string
  readonly release: ReleasePlace
  readonly made: Made
  readonly self: Pick<Self, 'execPath' | 'main'>
  /** Where a host listens by default, or where this user has it listen. */
  readonly port: number
  readonly isOffline: boolean
  readonly terminal: {
    readonly stdin: boolean
    readonly stdout: boolean
    readonly columns: number | undefined
    readonly rows: number | undefined
    readonly color: boolean
  }
  /** What the ladder has above us: how the daemon of this data dir is. */
  lookAtDaemon(): Promise<{ state: 'none' | 'starting' | 'running'; pid?: number; left?: string; fix?: Fix }>
  /** And the user's own settings, where there are any. */
  lookAtUserConfig(): Promise<Finding>
  /** The hosts that binaries come from, asked once for all checks that want to know. */
  reach(signal: AbortSignal): Promise<readonly Reached[]>
  onBytes(what: string, done: number, total: number): void
}
