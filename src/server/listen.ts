import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { PROBE_USER_AGENT } from '../api/health.ts'
import type { Workspace } from '../api/workspaces.ts'
import { type Eventual, httpApp } from '../http/app.ts'
import { Cors } from '../http/cors.ts'
import { hostCheck } from '../http/host-policy.ts'
import { BUN_BODY_LIMIT } from '../http/json-body.ts'
import { OpenStreams } from '../http/open-streams.ts'
import { RequestLog } from '../http/request-log.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { admit } from './admission.ts'
import { Approvals, approvalNote } from './approvals.ts'
import { Attempts } from './attempts.ts'
import { AuditLog } from './audit.ts'
import { KnownSecret } from './digest.ts'
import { FileIndexes } from './file-index/file-indexes.ts'
import { BatchMemory } from './files/batch-memory.ts'
import { FileChanges } from './files/file-changes.ts'
import { FileSessions } from './files/sessions.ts'
import { ListKeeper } from './list-keeper.ts'
import type { ServerLogs } from './logs.ts'
import { OpencodeHolds } from './opencode-holds.ts'
import { OpencodeProxy } from './opencode-proxy.ts'
import { OpencodeUse } from './opencode-use.ts'
import { Pairings } from './pairings.ts'
import { ProjectConfigs } from './project-config.ts'
import { ReloadEvents } from './reload/reload-events.ts'
import { RouterProxy } from './router-proxy.ts'
import { SERVER_ROUTES } from './routes/index.ts'
import { RuntimeControl } from './runtime-control.ts'
import type { Services } from './services.ts'
import type { ServerSettings } from './settings.ts'
import { TokenStore } from './token-store.ts'
import { WorkspaceRegistry } from './workspace-registry.ts'
import { Workspaces } from './workspaces.ts'

/** How long a connection may be silent that is no proxied stream; Bun allows at most 255. */
const IDLE_SECONDS = 120

/** Running requests get so long to end when the server stops. */
const DRAIN_MS = 1_500
const DRAIN_CHECK_MS = 5

export type RunningServer = {
  /** `http://<host>:<port>`, with the real port. */
  url: string
  /**
   * Stops accepting, denies what waits for approval, ends the streams, gives running requests 1.5 s, cuts what is left. Callers may wait for it once or
   * often; it never rejects.
   */
  stop(): Promise<void>
}

/**
 * Opens the server. Throws `port_in_use`, `port_not_allowed` or `address_not_available` naming host and port. The
 * caller stops it.
 */
export async function listen(
  settings: ServerSettings,
  logs: ServerLogs,
  { startedMs, idleSeconds = IDLE_SECONDS }: { startedMs: number; idleSeconds?: number },
): Promise<RunningServer> {
  const streams = new OpenStreams()
  const services = await openServices(settings, logs, { startedMs, streams })
  const { workspaces, tokens, audit, approvals, reloadEvents, fileIndexes } = services
  const admission = {
    clientToken: new KnownSecret(settings.clientToken.value),
    hostToken: new KnownSecret(settings.hostToken.value),
    tokens,
    attempts: new Attempts(),
    readOnly: settings.readOnly,
  }
  const fetch = httpApp({
    routes: SERVER_ROUTES,
    services,
    admit: (access, exchange) => admit(access, exchange, admission),
    checkHost: hostCheck({ bind: settings.host, allowedHosts: settings.allowedHosts, machineName: hostname() }),
    cors: new Cors(settings.corsOrigins),
    streams,
    requestLog: settings.logRequests
      ? new RequestLog(logs.out, ({ headers }) => headers.get('user-agent') === PROBE_USER_AGENT)
      : undefined,
    errorLog: logs.err,
  })
  const server = await bind(settings, idleSeconds, fetch)
  // Only now: nobody's first answer waits for it. The active one is watched without having been asked about: its
  // commands are repaired before an opencode reads them.
  reloadEvents.follow(workspaces.all)
  if (workspaces.active) reloadEvents.begin(workspaces.active.id)
  let stopped: Promise<void> | undefined
  return {
    url: `http://${isIP(settings.host) === 6 ? `[${settings.host}]` : settings.host}:${server.port}`,
    stop: () => {
      reloadEvents.close()
      fileIndexes.close()
      stopped ??= drain(server, streams, approvals)
        .then(() => Promise.all([tokens.close(), audit.flush()]))
        .then(() => {})
      return stopped
    },
  }
}

/** What the routes work with; nothing of it listens or watches yet. */
async function openServices(
  settings: ServerSettings,
  logs: ServerLogs,
  { startedMs, streams }: { startedMs: number; streams: OpenStreams },
): Promise<Services> {
  const workspaces = new Workspaces(settings.workspaces, settings.authorizedRoots)
  const tokens = await TokenStore.open(settings.tokenStorePath, logs.err)
  const audit = new AuditLog(settings.dataDir, logs.err)
  const approvals = new Approvals(settings.approval, ({ request, outcome, by }) =>
    audit.record(request.workspaceId, by ?? request.actor, [approvalNote(request, outcome)]),
  )
  const reloadEvents = new ReloadEvents({ log: logs.err, writes: !settings.readOnly })
  const fileIndexes = new FileIndexes(settings.catalogIgnore, logs.err)
  const fileSessions = new FileSessions()
  const keeper = settings.control?.keepsWorkspaces ? new ListKeeper(settings.control) : undefined
  const opencodeUse = new OpencodeUse({
    onBegin: keeper && ((workspaceId, at) => keeper.noteUse({ workspaceId, at })),
    onFirst: id => reloadEvents.begin(id),
  })
  const opencodeHolds = new OpencodeHolds()
  const onChange = (gone: readonly Workspace[]): void => {
    reloadEvents.follow(workspaces.all)
    for (const { id } of gone) {
      fileSessions.closeOf(id)
      fileIndexes.drop(id)
      reloadEvents.forget(id)
      streams.endOf(id)
      opencodeUse.forget(id)
    }
  }
  return {
    settings,
    workspaces,
    workspaceRegistry: new WorkspaceRegistry({ settings, workspaces, keeper, onChange }),
    tokens,
    pairings: new Pairings(tokens),
    opencode: new OpencodeProxy({ workspaces, streams, use: opencodeUse, holds: opencodeHolds }),
    opencodeUse,
    opencodeHolds,
    approvals,
    audit,
    projectConfigs: new ProjectConfigs(),
    reloadEvents,
    router: new RouterProxy(settings.routerPort, streams),
    runtime: new RuntimeControl(settings.control),
    fileSessions,
    fileChanges: new FileChanges(),
    batchMemory: new BatchMemory(),
    fileIndexes,
    startedMs,
  }
}

type BunServer = ReturnType<typeof Bun.serve>

async function bind(
  { host, port }: ServerSettings,
  idleTimeout: number,
  fetch: (request: Request, server: BunServer) => Eventual<Response>,
): Promise<BunServer> {
  // Bun reports a name that does not resolve as a port in use (1.4.5).
  if (isIP(host) === 0)
    await lookup(host).catch(cause => {
      throw new OpenworkError('address_not_available', `Cannot listen on ${host}:${port}: no such host name`, { cause })
    })
  try {
    return Bun.serve({
      hostname: host,
      port,
      fetch,
      idleTimeout,
      maxRequestBodySize: BUN_BODY_LIMIT,
      // Never a page with our source in it.
      development: false,
      // Outside development Bun shares the port with whoever else listens on it (SO_REUSEPORT, 1.4.5).
      reusePort: false,
    })
  } catch (cause) {
    throw bindFailure(cause, `${host}:${port}`)
  }
}

function bindFailure(cause: unknown, place: string): unknown {
  switch (systemCode(cause)) {
    case 'EADDRINUSE':
      return new OpenworkError('port_in_use', `Cannot listen on ${place}: something else does already`, {
        hint: 'Stop it, or choose another port with --port',
        cause,
      })
    case 'EACCES':
    case 'EPERM':
      return new OpenworkError('port_not_allowed', `Cannot listen on ${place}: the system does not allow it`, { cause })
    case 'EADDRNOTAVAIL':
      return new OpenworkError('address_not_available', `Cannot listen on ${place}: no such address here`, { cause })
    default:
      return cause
  }
}

async function drain(server: BunServer, streams: OpenStreams, approvals: Approvals): Promise<void> {
  const deadlineMs = performance.now() + DRAIN_MS
  void server.stop() // resolves only when idle connections are gone too, which clients keep open
  approvals.denyAll()
  streams.end()
  // Bun tells the number of running requests, not when it changes.
  while (server.pendingRequests > 0 && performance.now() < deadlineMs) await Bun.sleep(DRAIN_CHECK_MS)
  await server.stop(true)
}
