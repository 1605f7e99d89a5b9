import type { z } from 'zod'
import type { approvalReply } from './approvals.ts'
import type { HostCredentials, HostEvent, HostPairing, HostService, HostSnapshot, hostChecked } from './host.ts'
import type { ReloadReport } from './hot-reload.ts'

/** Calls of a host by programs of the same machine, at the control address and under the control token of its run record. */
export type HostClient = {
  snapshot(): Promise<HostSnapshot>
  /**
   * Ends when the connection does, and when `signal` is aborted.
   * @throws OpenworkError server_unreachable, unauthorized
   */
  events(options: { logs: number; signal: AbortSignal }): AsyncIterable<HostEvent>
  /** Resolves when the new run is ready. Throws `service_not_found`, and what `Supervisor.restart` throws. */
  restart(service: string): Promise<HostService>
  /** Throws `approval_not_found` when it was answered or has expired meanwhile. */
  replyApproval(id: string, reply: z.infer<typeof approvalReply>['reply']): Promise<void>
  reload(request: { directory?: string | undefined; force: boolean }): Promise<ReloadReport>
  credentials(): Promise<HostCredentials>
  openPairing(): Promise<HostPairing>
  /** Throws `workspace_busy`, with what is at work, unless forced. Resolves when it has begun to stop. */
  stop(request: { force: boolean }): Promise<void>
  /** It goes on without whoever started it. */
  release(): Promise<void>
  /** Throws `check_failed`. */
  check(request: { events: boolean }): Promise<z.infer<typeof hostChecked>['checks']>
}
