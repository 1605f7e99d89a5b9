import type { z } from 'zod'
import { type approvalReply, receivedApprovalReplied } from './approvals.ts'
import { receiveEvents } from './event-source.ts'
import {
  type HostCredentials,
  type HostEvent,
  type HostPairing,
  type HostService,
  type HostSnapshot,
  hostChecked,
  hostCredentials,
  hostEvents,
  hostPairing,
  hostReleased,
  hostSnapshot,
  hostStopping,
  serviceRestarted,
} from './host.ts'
import { type ReloadReport, reloaded } from './hot-reload.ts'
import { askServer } from './request.ts'

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

export type HostClientOptions = {
  /** Of the run record. */
  baseUrl: string
  token: string
  /** Limit of a call that nothing is waited for in. Default 10 s. */
  timeoutMs?: number
}

const CALL_MS = 10_000
/** Services, plugins and MCP servers start meanwhile. */
const WORK_MS = 120_000

export function hostClient({ baseUrl, token, timeoutMs = CALL_MS }: HostClientOptions): HostClient {
  const ask = <Result>(ask: Parameters<typeof askServer>[1], reply: z.ZodType<Result>, limitMs = timeoutMs) =>
    askServer({ baseUrl, token, timeoutMs: limitMs }, ask, reply)
  const post = (path: string, body?: unknown) => ({ method: 'POST', path, body })
  return {
    snapshot: () => ask({ method: 'GET', path: '/host' }, hostSnapshot),
    events: ({ logs, signal }) =>
      receiveEvents({ baseUrl, token, timeoutMs }, `/host/events?logs=${logs}`, hostEvents, signal),
    restart: async service =>
      (await ask(post(`/host/services/${encodeURIComponent(service)}/restart`), serviceRestarted, WORK_MS)).service,
    replyApproval: async (id, reply) => {
      await ask(post(`/host/approvals/${encodeURIComponent(id)}`, { reply }), receivedApprovalReplied)
    },
    reload: async body => (await ask(post('/reload', body), reloaded, WORK_MS)).report,
    credentials: () => ask({ method: 'GET', path: '/host/credentials' }, hostCredentials),
    openPairing: () => ask(post('/host/pairing'), hostPairing),
    stop: async body => {
      await ask(post('/host/stop', body), hostStopping)
    },
    release: async () => {
      await ask(post('/host/release'), hostReleased)
    },
    check: async body => (await ask(post('/host/check', body), hostChecked, WORK_MS)).checks,
  }
}
