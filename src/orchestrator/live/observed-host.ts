import type { HotReloadStatus } from '../../api/hot-reload.ts'
import type { Log } from '../../shared/log.ts'
import type { ServiceSnapshot, SupervisorEvent } from '../../supervisor/service.ts'
import type { Reloads } from '../control-app.ts'
import type { ListedWorkspaces } from '../listed-workspaces.ts'
import type { HostPlan } from '../plan.ts'
import type { RuntimeProgram } from '../runtime-program.ts'
import type { Verified } from '../verify.ts'
import type { HostLife } from './host-life.ts'
import type { LogRing } from './log-ring.ts'

/** A host as those see it who watch it from outside, from the start of its services on. */
export type ObservedHost = {
  plan: HostPlan
  startedAtMs: number
  logFile: string | undefined
  /** What was warned of while it started. */
  notices: { readonly texts: readonly string[] }
  life: HostLife
  log: Log
  /** Its last log lines. */
  records: LogRing
  services(): ServiceSnapshot[]
  /** When one that backs off is tried again. */
  nextTryAt(service: string): number | undefined
  /** What runs for them now. */
  programs(): readonly RuntimeProgram[]
  /** Undefined until the server is verified. */
  verified(): Verified | undefined
  /** Undefined until the host is ready. */
  reloads(): Reloads | undefined
  /** Only of a host that serves listed ones. */
  workspaces: ListedWorkspaces | undefined
  /** Told of every event of the services from now on. Must not throw. Returns how to stop that. */
  listen(listener: (event: SupervisorEvent) => void): () => void
  /** Throws as `Supervisor.restart`. */
  restart(service: string): Promise<ServiceSnapshot>
}

/** Of those it can still say. */
export const reloadsOf = (host: ObservedHost): HotReloadStatus[] => host.reloads()?.statuses() ?? []
