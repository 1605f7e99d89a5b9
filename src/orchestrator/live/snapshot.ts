import { basename } from 'node:path'
import type { ApprovalRequest } from '../../api/approvals.ts'
import type { HostService, HostSession, HostSnapshot, HostWorkspace } from '../../api/host.ts'
import { OPENCODE } from '../../services/opencode.ts'
import { OPENWORK_SERVER } from '../../services/openwork-server.ts'
import { ORCHESTRATOR } from '../../shared/orchestrator-name.ts'
import { VERSION } from '../../shared/version.ts'
import type { ServiceSnapshot } from '../../supervisor/service.ts'
import { healthOf } from './health.ts'
import { type ObservedHost, reloadsOf } from './observed-host.ts'
import type { UsageHistory } from './usage-history.ts'

/** What is found out only while somebody looks. */
export type Seen = {
  approvals: ApprovalRequest[] | null
  sessions: HostSession[] | null
  usage: Pick<UsageHistory, 'of'>
}

/** The host as it is now. Holds no secret. */
export function snapshotOf(host: ObservedHost, seen: Seen): HostSnapshot {
  const { plan, life, startedAtMs, logFile, notices } = host
  const { server, opencode } = plan
  const services = host.services()
  const reloads = reloadsOf(host)
  return {
    runId: plan.runId,
    version: VERSION,
    pid: process.pid,
    startedAt: startedAtMs,
    serves: plan.serves,
    workspace: plan.workspace,
    isDetached: life.isDetached,
    health: healthOf(life.phase, services, reloads),
    services: [ownService(host, seen), ...services.map(service => serviceOf(host, service, seen))],
    connection: {
      baseUrl: server.baseUrl,
      connectUrl: server.connectUrl,
      isRemote: server.isRemote,
      alternatives: [...server.alternatives],
      opencodeUrl: opencode.baseUrl,
      attachCommand: plan.attachCommand,
    },
    approvalMode: server.approvalMode,
    readOnly: server.readOnly,
    approvals: seen.approvals,
    sessions: seen.sessions,
    workspaces: host.workspaces?.shown() ?? [ownWorkspace(host, services, seen)],
    reloads,
    router: null,
    ...(logFile !== undefined && { logFile }),
    notices: [...notices.texts],
  }
}

function ownService({ life, startedAtMs }: ObservedHost, { usage }: Seen): HostService {
  const measured = usage.of(ORCHESTRATOR, process.pid)
  return {
    name: ORCHESTRATOR,
    state: life.phase === 'failed' ? 'stopping' : life.phase,
    pid: process.pid,
    startedAt: startedAtMs,
    ...(life.readyAtMs !== undefined && { readyAt: life.readyAtMs }),
    restarts: 0,
    version: VERSION,
    ...(measured && { usage: measured }),
  }
}

export function serviceOf(host: ObservedHost, service: ServiceSnapshot, { usage }: Pick<Seen, 'usage'>): HostService {
  const { name, state, reason, pid, startedAtMs, readyAtMs, restarts, exit } = service
  const port = { [OPENCODE]: host.plan.opencode.port, [OPENWORK_SERVER]: host.plan.server.port }[name]
  const program = host.programs().find(each => each.name === name)
  const version = program?.actualVersion ?? program?.targetVersion
  const nextTry = state === 'backing-off' ? host.nextTryAt(name) : undefined
  const measured = pid === undefined ? undefined : usage.of(name, pid)
  return {
    name,
    state,
    ...(reason !== undefined && { reason: host.log.redactor.text(reason) }),
    ...(pid !== undefined && { pid }),
    ...(port !== undefined && { port }),
    ...(startedAtMs !== undefined && { startedAt: startedAtMs }),
    ...(readyAtMs !== undefined && { readyAt: readyAtMs }),
    restarts,
    ...(nextTry !== undefined && { nextTryAt: nextTry }),
    ...(exit && { exit }),
    ...(version !== undefined && { version }),
    ...(program && { source: program.source }),
    ...(measured && { usage: measured }),
  }
}

/** The one of a host that serves one. */
function ownWorkspace(
  host: ObservedHost,
  services: readonly ServiceSnapshot[],
  { sessions }: Pick<Seen, 'sessions'>,
): HostWorkspace {
  const { workspace } = host.plan
  const isUp = services.some(({ name, state }) => name === OPENCODE && state === 'ready')
  const lastUsedAt = sessions?.[0]?.updatedAt
  const isBusy = sessions?.some(({ state }) => state !== 'idle')
  return {
    id: host.verified()?.workspaceId ?? '',
    name: basename(workspace),
    path: workspace,
    isRemote: false,
    isActive: true,
    state: !isUp ? 'none' : isBusy === undefined ? 'unknown' : isBusy ? 'busy' : 'idle',
    ...(lastUsedAt !== undefined && { lastUsedAt }),
  }
}
