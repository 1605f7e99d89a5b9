import type { z } from 'zod'
import type { approvalReply } from './approvals.ts'
import type { HostCredentials, HostEvent, HostPairing, HostService, HostSnapshot, hostChecked } from './host.ts'
import type { ReloadReport } from './hot-reload.ts'
import { askServer } from './request.ts'

/** Calls of a host by programs of the same machine, at the control address and under the control token of its run record. */
export type HostClient = {
  snapshot(): Promise<HostSnapshot>
  /**
   * Ends when the connection does, and when `signal` is aborted.
   * @throws OpenworkError server_unreachable, unauthorized
   */
  events(options: { logs: number; signal: AbortSignal }): AsyncIterable<HostEvent>
  /**
   * Resolves when the new run is ready. Throws `service_not_found`; `workspace_busy`, with what is at work, unless forced;
   * and what `Supervisor.restart` throws.
   */
  restart(service: string, request: { force: boolean }): Promise<HostService>
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
  /** A host from which no event and no sign of life comes for so long does not answer. Default 5 s. */
  maxSilenceMs?: number
}

const CALL_MS = 10_000
/** Services, plugins and MCP servers start meanwhile. */
const WORK_MS = 120_000

// When a call is made: commands that look whether a host runs find none as often as not.
const schemas = () => import('./host.ts')

export function hostClient({ baseUrl, token, timeoutMs = CALL_MS, maxSilenceMs }: HostClientOptions): HostClient {
  const ask = <Result>(
    ask: Parameters<typeof askServer>[1],
    reply: () => Promise<z.ZodType<Result>>,
    limitMs = timeoutMs,
  ) => askServer({ baseUrl, token, timeoutMs: limitMs }, ask, reply)
  const get = (path: string) => ({ method: 'GET', path })
  const post = (path: string, body?: unknown) => ({ method: 'POST', path, body })
  return {
    snapshot: () => ask(get('/host'), async () => (await schemas()).hostSnapshot),
    async *events({ logs, signal }) {
      const [{ receiveEvents }, { HOST_KEEP_ALIVE_MS, hostEvents }] = await Promise.all([
        import('./event-source.ts'),
        schemas(),
      ])
      const limits = { timeoutMs, maxSilenceMs: maxSilenceMs ?? 2.5 * HOST_KEEP_ALIVE_MS }
      yield* receiveEvents({ baseUrl, token, ...limits }, `/host/events?logs=${logs}`, hostEvents, signal)
    },
    restart: async (service, body) => {
      const path = `/host/services/${encodeURIComponent(service)}/restart`
      return (await ask(post(path, body), async () => (await schemas()).serviceRestarted, WORK_MS)).service
    },
    replyApproval: async (id, reply) => {
      const replied = async () => (await import('./approvals.ts')).receivedApprovalReplied
      await ask(post(`/host/approvals/${encodeURIComponent(id)}`, { reply }), replied)
    },
    reload: async body => {
      const reloaded = async () => (await import('./hot-reload.ts')).reloaded
      return (await ask(post('/reload', body), reloaded, WORK_MS)).report
    },
    credentials: () => ask(get('/host/credentials'), async () => (await schemas()).hostCredentials),
    openPairing: () => ask(post('/host/pairing'), async () => (await schemas()).hostPairing),
    stop: async body => {
      await ask(post('/host/stop', body), async () => (await schemas()).hostStopping)
    },
    release: async () => {
      await ask(post('/host/release'), async () => (await schemas()).hostReleased)
    },
    check: async body =>
      (await ask(post('/host/check', body), async () => (await schemas()).hostChecked, WORK_MS)).checks,
  }
}
