import { workspacesReread } from '../api/control.ts'
import type { DaemonEvent, DaemonProcess, DaemonStatus } from '../api/daemon.ts'
import { type OpencodeClient, opencodeClient } from '../api/opencode-client.ts'
import { askServer } from '../api/request.ts'
import type { EventFeed } from '../http/event-feed.ts'
import type { Reloads } from '../orchestrator/control-app.ts'
import { type Readiness, readinessDocument } from '../orchestrator/readiness.ts'
import { OPENCODE } from '../services/opencode.ts'
import { OPENWORK_SERVER } from '../services/openwork-server.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { ServiceSnapshot, StateEvent } from '../supervisor/service.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { Instances } from './instances/instances.ts'
import { serverActivity } from './instances/server-activity.ts'
import type { WorkspaceList } from './workspace-list.ts'

const SERVER_LIMIT_MS = 5_000

export type EngineDeps = {
  options: DaemonOptions
  list: WorkspaceList
  feed: EventFeed<DaemonEvent>
  log: Log
  /** Told of each opencode that comes up after the first one. */
  onOpencode(process: DaemonProcess): void
}

/** The running opencode and openwork-server of a daemon, with what opencode keeps in memory. */
export type Engine = {
  opencode: OpencodeClient
  instances: Instances
  reloads: Reloads
  /** openwork-server reads its list anew. Never rejects: it does so anyway when it comes back. */
  published(): Promise<void>
  status(daemon: DaemonProcess): Promise<DaemonStatus>
  /** Leaves the services as they are. */
  close(): Promise<void>
}

/** From now on workspaces are followed, and events told. The caller closes it before the host is stopped. */
export async function openEngine(readiness: Readiness, deps: EngineDeps): Promise<Engine> {
  const { host } = readiness
  const { options, list, feed, log } = deps
  const opencode = opencodeClient(host.plan.opencode)
  const service = (name: string): ServiceSnapshot | undefined => host.services().find(found => found.name === name)
  const { baseUrl, hostToken } = host.plan.server
  const server = { baseUrl, hostToken, timeoutMs: SERVER_LIMIT_MS }
  const reloads: Reloads = {
    statuses: () => [],
    reload: async () => {
      throw new OpenworkError('not_available', 'Not written yet')
    },
  }
  const instances = new Instances(options, {
    opencode,
    activity: () => serverActivity(server),
    service: () => service(OPENCODE),
    restart: async () => void (await host.restart(OPENCODE)),
    log,
    onEvent: event => feed.publish(event),
  })
  for (const workspace of list.all) if (workspace.workspaceType === 'local') instances.add(workspace)

  const published = async (): Promise<void> => {
    try {
      await askServer(server, { method: 'POST', path: '/workspaces/reload' }, workspacesReread)
    } catch (error) {
      log.warn('openwork-server could not be told of the workspaces', { reason: messageOf(error) })
    }
  }
  host.listen(event => {
    if (event.type !== 'state') return
    const { state, reason } = event
    feed.publish({ event: 'service', data: { service: event.service, state, ...(reason !== undefined && { reason }) } })
    if (event.service === OPENCODE && isEnd(event)) instances.engineRestarted()
    const process =
      event.service === OPENCODE && state === 'ready' ? processOf(service(OPENCODE), host.plan) : undefined
    if (process) deps.onOpencode(process)
    // It may have read its list just before a change of it, and listened just after.
    if (event.service === OPENWORK_SERVER && state === 'ready') void published()
  })
  return {
    opencode,
    instances,
    reloads,
    published,
    close: () => instances.close(),
    async status(daemon) {
      await instances.refresh()
      const { diagnostics } = readinessDocument(readiness)
      const reloadOf = new Map(reloads.statuses().map(status => [status.directory, status]))
      const running = service(OPENWORK_SERVER)
      const { idleTimeoutMs, logFile } = options
      return {
        ok: true,
        daemon,
        opencode: processOf(service(OPENCODE), host.plan) ?? null,
        activeId: list.activeId,
        workspaceCount: list.size,
        cliVersion: diagnostics.cliVersion,
        sidecar: diagnostics.sidecar,
        binaries: { opencode: diagnostics.binaries.opencode },
        openwork: {
          baseUrl,
          connectUrl: host.plan.server.connectUrl,
          state: running?.state ?? 'exited',
          ...(running?.pid !== undefined && { pid: running.pid }),
        },
        engine: await instances.engine(),
        hotReload: options.services.opencode.hotReload,
        idleTimeoutMs,
        instances: list.all.map(({ id, path }) => {
          const reload = reloadOf.get(path)
          return { ...instances.status(id), ...(reload && { reload }) }
        }),
        ...(logFile !== undefined && { logFile }),
      }
    },
  }
}

/** The process that ran is gone, and with it all it had in memory. */
const isEnd = ({ state }: StateEvent): boolean => ['backing-off', 'exited', 'gave-up', 'starting'].includes(state)

function processOf(
  service: ServiceSnapshot | undefined,
  { opencode: { port, baseUrl } }: Readiness['host']['plan'],
): DaemonProcess | undefined {
  if (service?.pid === undefined || service.state === 'starting') return undefined
  return { pid: service.pid, port, baseUrl, startedAt: service.startedAtMs ?? Date.now() }
}
