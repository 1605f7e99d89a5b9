import { setTimeout as delay } from 'node:timers/promises'
import { workspacesReread } from '../api/control.ts'
import type { DaemonEvent, DaemonProcess, DaemonStatus, DaemonWorkspace } from '../api/daemon.ts'
import type { HotReloadEvent } from '../api/hot-reload.ts'
import { type OpencodeClient, opencodeClient } from '../api/opencode-client.ts'
import { askServer } from '../api/request.ts'
import type { EventFeed } from '../http/event-feed.ts'
import { type HotReload, openHotReload } from '../orchestrator/hot-reload.ts'
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
/** After a crash opencode is back in a second or two. */
const READY_LIMIT_MS = 20_000
const READY_CHECK_MS = 50
/** Many instances that have just been made answer late; nobody waits that long to see a status. */
const LOOK_LIMIT_MS = 2_000
/** Who was waited for longer is not gone. */
const CUT_WITHIN_MS = 2_000
const RETRY_MS = 250
const TRIES = 3

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
  opencode: Pick<OpencodeClient, 'path'>
  /** Resolves when it can be asked. Throws `opencode_unreachable` after a while. */
  opencodeReady(): Promise<void>
  instances: Instances
  reloads: HotReload
  /** Looks at the instances; their status is as of the last look where this one takes long. */
  look(): Promise<void>
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
  const instances: Instances = new Instances(options, {
    opencode,
    activity: () => serverActivity(server),
    service: () => service(OPENCODE),
    restart: async () => void (await host.restart(OPENCODE)),
    reload: ({ path }) => reloads.status(path),
    log,
    onLive: ({ path }, sinceMs) => reloads.follow(path, { readAtMs: sinceMs }),
    onGone({ path }) {
      // A restart of opencode is a part of some reloads: they tell how they ended.
      if (reloads.status(path)?.state !== 'reloading') reloads.unfollow(path)
    },
    onEvent: event => feed.publish(event),
  })
  const reloads: HotReload = openHotReload(host, {
    options: options.services.opencode.hotReload,
    log,
    others: async () => instances.liveDirectories(),
    onEvent(event) {
      if (event.report) instances.reloaded(event.directory)
      for (const told of reloadEvents(event, list)) feed.publish(told)
    },
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
  const look = (): Promise<void> => Promise.race([instances.refresh(), delay(LOOK_LIMIT_MS, undefined, { ref: false })])
  const opencodeReady = (): Promise<void> => untilReady(() => service(OPENCODE))
  return {
    opencode: { path: directory => askPatiently(opencodeReady, () => opencode.path(directory)) },
    opencodeReady,
    instances,
    reloads,
    look,
    published,
    async close() {
      await reloads.close()
      await instances.close()
    },
    async status(daemon) {
      await look()
      const { diagnostics } = readinessDocument(readiness)
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
        instances: list.all.map(({ id }) => instances.status(id)),
        ...(logFile !== undefined && { logFile }),
      }
    },
  }
}

/** Of a folder that is no workspace nobody is told: it was reloaded by its path. */
function reloadEvents(event: HotReloadEvent, list: WorkspaceList): DaemonEvent[] {
  const isMeant = ({ workspaceType, path }: DaemonWorkspace): boolean =>
    workspaceType === 'local' && path === event.directory
  const workspace = list.all.find(isMeant)
  const { report } = event
  return [
    ...(report?.extent === 'engine'
      ? [
          {
            event: 'engine.restarted' as const,
            data: { reason: report.cause === 'change' ? ('config' as const) : ('request' as const) },
          },
        ]
      : []),
    ...(workspace ? [{ event: 'reload' as const, data: { ...event, workspaceId: workspace.id } }] : []),
  ]
}

async function untilReady(service: () => ServiceSnapshot | undefined): Promise<void> {
  const deadlineMs = performance.now() + READY_LIMIT_MS
  while (service()?.state !== 'ready') {
    if (performance.now() >= deadlineMs)
      throw new OpenworkError('opencode_unreachable', `opencode is ${service()?.state ?? 'not there'}`, {
        hint: 'The log of the daemon says why.',
      })
    await delay(READY_CHECK_MS)
  }
}

/** An opencode that has just crashed counts as ready for another moment. For what may be asked twice. */
async function askPatiently<Answer>(ready: () => Promise<void>, ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    await ready()
    const startedMs = performance.now()
    try {
      return await ask()
    } catch (error) {
      const isCut = error instanceof OpenworkError && error.code === 'opencode_unreachable'
      if (!isCut || tries === TRIES || performance.now() - startedMs > CUT_WITHIN_MS) throw error
      await delay(RETRY_MS)
    }
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
