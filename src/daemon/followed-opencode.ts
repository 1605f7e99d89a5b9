import { setTimeout as delay } from 'node:timers/promises'
import { workspacesReread } from '../api/control.ts'
import type { DaemonEvent, DaemonProcess, DaemonStatus, DaemonWorkspace } from '../api/daemon.ts'
import type { HotReloadEvent } from '../api/hot-reload.ts'
import { type OpencodeClient, opencodeClient } from '../api/opencode-client.ts'
import { askServer, type OpenworkClientOptions } from '../api/request.ts'
import type { EventFeed } from '../http/event-feed.ts'
import { type HotReload, openHotReload } from '../orchestrator/hot-reload.ts'
import type { Readiness } from '../orchestrator/readiness.ts'
import { requestHolds } from '../orchestrator/request-holds.ts'
import { restartOpencode } from '../orchestrator/restart-opencode.ts'
import { serverActivity } from '../orchestrator/server-activity.ts'
import { OPENCODE } from '../services/opencode.ts'
import { OPENWORK_SERVER } from '../services/openwork-server.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { ServiceSnapshot, StateEvent } from '../supervisor/service.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { findService, opencodeProcess, statusOf } from './daemon-status.ts'
import { Instances } from './instances/instances.ts'
import type { WorkspaceList } from './workspace-list.ts'

const SERVER_LIMIT_MS = 5_000
/** After a crash opencode is back in a second or two. */
const READY_LIMIT_MS = 20_000
const READY_CHECK_MS = 50
/** Many instances that have just been made answer late; nobody waits that long to see a status. */
const LOOK_LIMIT_MS = 2_000
/** Whoever looks at that moment may have to wait for opencode, which is about to be stopped. */
const CLOSE_LIMIT_MS = 1_000
/** Who was waited for longer is not gone. */
const CUT_WITHIN_MS = 2_000
const RETRY_MS = 250
const TRIES = 3

export type FollowedOpencodeDeps = {
  options: DaemonOptions
  list: WorkspaceList
  feed: EventFeed<DaemonEvent>
  log: Log
  /** Told of each opencode that comes up after the first one. */
  onOpencode(process: DaemonProcess): void
}

/** The running opencode and openwork-server of a daemon, with what opencode keeps in memory. */
export type FollowedOpencode = {
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
export function followOpencode(readiness: Readiness, deps: FollowedOpencodeDeps): FollowedOpencode {
  const { host } = readiness
  const { options, list, log } = deps
  const opencode = opencodeClient(host.plan.opencode)
  const { baseUrl, hostToken } = host.plan.server
  const server = { baseUrl, hostToken, timeoutMs: SERVER_LIMIT_MS }
  const { instances, reloads } = followWorkspaces(host, opencode, { ...deps, server })
  const published = async (): Promise<void> => {
    try {
      await askServer(server, { method: 'POST', path: '/workspaces/reload' }, workspacesReread)
    } catch (error) {
      log.warn('openwork-server could not be told of the workspaces', { reason: messageOf(error) })
    }
  }
  host.listen(event => {
    if (event.type !== 'state') return
    deps.feed.publish(serviceEvent(event))
    if (event.service === OPENCODE && isEnd(event)) instances.engineRestarted()
    const process = event.service === OPENCODE && event.state === 'ready' ? opencodeProcess(host) : undefined
    if (process) deps.onOpencode(process)
    // It may have read its list just before a change of it, and listened just after.
    if (event.service === OPENWORK_SERVER && event.state === 'ready') void published()
  })
  const look = (): Promise<void> => within(LOOK_LIMIT_MS, instances.refresh())
  const opencodeReady = (): Promise<void> => untilReady(() => findService(host, OPENCODE))
  return {
    opencode: { path: directory => askPatiently(opencodeReady, () => opencode.path(directory)) },
    opencodeReady,
    instances,
    reloads,
    look,
    published,
    async close() {
      reloads.close()
      await within(CLOSE_LIMIT_MS, instances.close())
    },
    async status(daemon) {
      await look()
      return statusOf({ daemon, readiness, options, list, instances })
    },
  }
}

/** What opencode has in memory of the workspaces is followed, and its files as long as it is there. */
function followWorkspaces(
  host: Readiness['host'],
  opencode: OpencodeClient,
  { options, list, feed, log, server }: FollowedOpencodeDeps & { server: OpenworkClientOptions },
): Pick<FollowedOpencode, 'instances' | 'reloads'> {
  const instances: Instances = new Instances(options, {
    opencode,
    activity: () => serverActivity(server),
    service: () => findService(host, OPENCODE),
    restart: () => restartOpencode({ client: opencode, server, restart: () => host.restart(OPENCODE) }, log),
    hold: requestHolds(server, log),
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
    mayHaveTerminals: directory => instances.mayHaveTerminals(directory),
    onEvent(event) {
      if (event.report) instances.reloaded(event.report)
      for (const told of reloadEvents(event, list)) feed.publish(told)
    },
  })
  for (const workspace of list.all) if (workspace.workspaceType === 'local') instances.add(workspace)
  return { instances, reloads }
}

/** Resolves at the latest after so long; what goes on then is not waited for. */
const within = (limitMs: number, work: Promise<void>): Promise<void> =>
  Promise.race([work, delay(limitMs, undefined, { ref: false })])

const serviceEvent = ({ service, state, reason }: StateEvent): DaemonEvent => ({
  event: 'service',
  data: { service, state, ...(reason !== undefined && { reason }) },
})

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
