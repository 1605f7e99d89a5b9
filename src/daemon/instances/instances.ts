import type { z } from 'zod'
import type { WorkspaceActivity } from '../../api/control.ts'
import type { DaemonEvent, EngineStatus, InstanceStatus, Lease, leaseRequest } from '../../api/daemon.ts'
import type { OpencodeClient } from '../../api/opencode-client.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import type { ServiceSnapshot } from '../../supervisor/service.ts'

/** A local workspace, as far as it matters here. `path` is absolute and real. */
export type InstanceWorkspace = { readonly id: string; readonly path: string; readonly name: string }

export type InstancesOptions = {
  /** An instance that nobody used for so long is disposed of. 0: never. */
  idleTimeoutMs: number
  /** Of opencode and its children, resident. Undefined: no ceiling. */
  memoryLimitBytes: number | undefined
}

export type InstancesDeps = {
  opencode: Pick<OpencodeClient, 'work' | 'dispose' | 'events'>
  /** Who uses opencode through openwork-server, as that says; see `serverActivity`. */
  activity(): Promise<WorkspaceActivity>
  /** How opencode is. Undefined before it is started. */
  service(): ServiceSnapshot | undefined
  /** Ends opencode and starts it again at the same address; resolves when it is ready. */
  restart(): Promise<void>
  /**
   * Whether the files of a workspace are such that opencode could not make its instance again: it is kept then, as
   * opencode would refuse that folder until its next restart.
   */
  isBroken?(workspace: InstanceWorkspace): boolean
  log: Log
  /** opencode has an instance for the workspace's own folder, at the latest since then. */
  onLive?(workspace: InstanceWorkspace, sinceMs: number): void
  /** It has none any more. */
  onGone?(workspace: InstanceWorkspace): void
  onEvent(event: DaemonEvent): void
}

/** Which folders opencode keeps in memory, for whom, and how long. */
export class Instances {
  constructor(_options: InstancesOptions, _deps: InstancesDeps) {}

  add(_workspace: InstanceWorkspace): void {}

  /** Forgets it, and disposes of what opencode has for it. Never rejects. */
  async remove(_id: string): Promise<void> {}

  /** A request for it is on its way to opencode. */
  used(_id: string, _atMs: number): void {}

  /** Looks at what holds the instances now. At most one look at a time, and none within a second of the last one. */
  async refresh(): Promise<void> {}

  /** As of the last look. Of a workspace that was not added: `unknown`. */
  status(workspaceId: string): InstanceStatus {
    return { workspaceId, state: 'unknown', listeners: 0, leases: [], evictions: 0 }
  }

  engine(): Promise<EngineStatus> {
    throw new OpenworkError('not_available', 'Not written yet')
  }

  /** Every folder that opencode has an instance for, as far as is known, those of no workspace too. */
  liveDirectories(): string[] {
    return []
  }

  /**
   * opencode's answer; false when it has no instance as far as is known (with `force` it is asked in any case).
   * @throws OpenworkError workspace_busy without `force` when that would end work, opencode_unreachable
   */
  dispose(_id: string, _options: { force: boolean }): Promise<boolean> {
    throw new OpenworkError('not_available', 'Not written yet')
  }

  /** @throws OpenworkError lease_limit_reached */
  lease(_workspaceId: string, _request: z.output<typeof leaseRequest>): Lease {
    throw new OpenworkError('not_available', 'Not written yet')
  }

  /** @throws OpenworkError lease_not_found */
  renewLease(_id: string, _request: z.output<typeof leaseRequest>): Lease {
    throw new OpenworkError('not_available', 'Not written yet')
  }

  /** @throws OpenworkError lease_not_found */
  releaseLease(_id: string): void {}

  /** Call it as soon as an opencode that ran is gone, whatever the reason. */
  engineRestarted(): void {}

  /** Ends what goes on here; instances and opencode are left as they are. */
  async close(): Promise<void> {}
}
