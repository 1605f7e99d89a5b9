import type { DaemonEvent, DaemonProcess, DaemonStatus, DaemonWorkspace } from '../api/daemon.ts'
import type { HostWorkspace } from '../api/host.ts'
import { EventFeed } from '../http/event-feed.ts'
import { checkDataDir, daemonLayout, ensureDataDir } from '../orchestrator/data-dir.ts'
import type { Detachment } from '../orchestrator/host.ts'
import type { ListedWorkspaces } from '../orchestrator/listed-workspaces.ts'
import type { StartOptions } from '../orchestrator/options.ts'
import { type StartDeps, start } from '../orchestrator/start.ts'
import { ensureWorkspace } from '../orchestrator/workspace.ts'
import { messageOf, type OpenworkError } from '../shared/errors.ts'
import { DaemonApi } from './daemon-api.ts'
import { daemonFiles } from './daemon-files.ts'
import { DaemonLock } from './daemon-lock.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { type DaemonState, forgetProcesses } from './daemon-state.ts'
import { type FollowedOpencode, followOpencode } from './followed-opencode.ts'
import type { Instances } from './instances/instances.ts'
import { KeptCredentials } from './remote-credentials.ts'
import { RemoteOpencodes } from './remote-opencode.ts'
import { tellOfSecondOpencodes } from './second-opencodes.ts'
import { writeServerSettings } from './server-settings.ts'
import { StateFile } from './state-file.ts'
import { ensureToken } from './token-file.ts'
import { activeFirst, WorkspaceList } from './workspace-list.ts'

export type RunningDaemon = {
  /** Of its API, for this machine. */
  baseUrl: string
  host: string
  port: number
  status(): Promise<DaemonStatus>
  /**
   * Resolves when it is to be stopped without a signal: `undefined` when that was asked for over the API, else the
   * failure of a service that gave up. Never rejects.
   */
  ended: Promise<OpenworkError | undefined>
  /** Takes everything down, and leaves nothing but the list of workspaces. May be called again. */
  stop(): Promise<void>
}

export type DaemonDeps = Omit<StartDeps, 'onEvent' | 'workspaces' | keyof Detachment>

/**
 * Starts the daemon of a data dir; resolves when it can be used. What was started is down again when this throws.
 * @throws OpenworkError daemon_already_running, daemon_state_unusable, and what `start` throws
 */
export async function runDaemon(options: DaemonOptions, deps: DaemonDeps): Promise<RunningDaemon> {
  const { dataDir } = options.services
  const { log } = deps
  checkDataDir(dataDir)
  ensureDataDir(daemonLayout(dataDir))
  const files = daemonFiles(dataDir)

  // What has begun is put here, and ended in the opposite order.
  await using begun = new AsyncDisposableStack()
  const lock = begun.adopt(await DaemonLock.take(files.lock), held => held.release())
  const state = begun.adopt(await StateFile.open(files.state, log), opened => note(opened, log, forgetProcesses))
  const feed = new EventFeed<DaemonEvent>()
  let followed: FollowedOpencode | undefined
  const onEvent = (event: DaemonEvent): void => {
    feed.publish(event)
    if (event.event === 'workspace.added' && event.data.workspace.workspaceType === 'local')
      followed?.instances.add(event.data.workspace)
  }
  const { list, remotes } = await openList(state, { dataDir, log, onEvent })
  begun.defer(() => list.noteUse())
  const api = begun.adopt(await listen(options, state, deps), opened => opened.stop())

  const secondOpencodes = (...workspaces: DaemonWorkspace[]) => tellOfSecondOpencodes(dataDir, workspaces, log)
  if (options.workdir === undefined) ensureWorkspace(files.workdir, { isPrivate: true })
  const started = await start(startOptions(options, state.state, files.workdir), {
    ...deps,
    logFile: options.logFile,
    isDetached: options.logFile !== undefined,
    workspaces: listedWorkspaces(list, { log, secondOpencodes, followed: () => followed }),
  })
  begun.defer(() => started.host.stop())
  const onOpencode = (opencode: DaemonProcess): void => void note(state, log, known => ({ ...known, opencode }))
  followed = followOpencode(
    { ...started, options: { ...options.services, ...FIXED, workspace: files.workdir } },
    { options, list, feed, log, onOpencode },
  )
  begun.adopt(followed, opened => opened.close())

  const process = { pid: globalThis.process.pid, port: api.port, baseUrl: api.baseUrl, startedAt: lock.startedAtMs }
  const opened = followed
  const status = (): Promise<DaemonStatus> => opened.status(process)
  const asked = Promise.withResolvers<undefined>()
  api.serve({ ...followed, list, feed, remotes, secondOpencodes, status, shutDown: () => asked.resolve(undefined) })
  // Before all else: clients hear of it, and nothing is asked for any more.
  begun.defer(async () => {
    feed.publish({ event: 'stopping', data: {} })
    await api.stop()
  })
  await noteStart(state, await status(), started.host.plan.server.port)
  log.info('daemon ready', { url: api.baseUrl, openwork: started.host.plan.server.baseUrl, workspaces: list.size })
  await secondOpencodes(...list.all)

  const running = begun.move()
  let stopped: Promise<void> | undefined
  return {
    baseUrl: api.baseUrl,
    host: api.host,
    port: api.port,
    status,
    ended: Promise.race([asked.promise, started.host.stopAsked.then(() => undefined), started.host.ended]),
    stop: () => (stopped ??= running.disposeAsync()),
  }
}

const FIXED = { serves: 'listed', createWorkspace: true } as const

function startOptions({ services, workdir }: DaemonOptions, state: DaemonState, ownWorkdir: string): StartOptions {
  const { formerPorts } = state
  const { server, opencode } = services
  return {
    ...services,
    ...FIXED,
    workspace: workdir ?? ownWorkdir,
    opencode: { ...opencode, formerPort: formerPorts?.opencode },
    // Paired phones know it by its port.
    server: {
      ...server,
      port: server.port.exact ? server.port : { number: formerPorts?.openwork ?? server.port.number, exact: false },
    },
  }
}

/** The list, with openwork-server's settings as it is now: that reads them when it starts. */
async function openList(
  state: StateFile,
  { dataDir, log, onEvent }: Pick<DaemonDeps, 'log'> & { dataDir: string; onEvent(event: DaemonEvent): void },
): Promise<{ list: WorkspaceList; remotes: RemoteOpencodes }> {
  const credentials = await KeptCredentials.open(daemonFiles(dataDir).remoteCredentials, log)
  const publish = (workspaces: readonly DaemonWorkspace[]): Promise<void> =>
    writeServerSettings(dataDir, workspaces, credentials)
  const list = new WorkspaceList({ state, credentials, log, publish, onEvent })
  await publish(activeFirst(list.activeId, list.all))
  return { list, remotes: new RemoteOpencodes(credentials) }
}

async function listen({ services, listen }: DaemonOptions, state: StateFile, { log }: DaemonDeps): Promise<DaemonApi> {
  const token = await ensureToken(daemonFiles(services.dataDir).token)
  log.redactor.add(token)
  return DaemonApi.listen({
    ...listen,
    formerPort: state.state.formerPorts?.daemon,
    token,
    // A `*` is meant for openwork-server, whose tokens run no programs.
    cors: services.server.cors.filter(origin => origin !== '*'),
    log,
  })
}

type AroundList = Pick<DaemonDeps, 'log'> & {
  secondOpencodes(workspace: DaemonWorkspace): Promise<string[]>
  followed(): FollowedOpencode | undefined
}

/** What openwork-server's clients change. It reads the list anew by itself. */
const listedWorkspaces = (list: WorkspaceList, { log, secondOpencodes, followed }: AroundList): ListedWorkspaces => ({
  shown: () => list.all.map(workspace => shownWorkspace(workspace, list.activeId, followed()?.instances)),
  look: async () => followed()?.look(),
  async add(folder) {
    const { workspace, notes } = await list.add(folder)
    for (const note of notes) log.warn(`${workspace.path}: ${note}`)
    await secondOpencodes(workspace)
    return workspace
  },
  async rename(id, name) {
    await list.rename(id, name)
  },
  async remove(id, request) {
    await followed()?.instances.requireFree(id, request)
    await list.remove(id)
    void followed()?.instances.remove(id)
  },
  used(id, atMs) {
    list.used(id, atMs)
    followed()?.instances.used(id, atMs)
  },
})

function shownWorkspace(
  { id, name, path, baseUrl, workspaceType, lastUsedAt }: DaemonWorkspace,
  activeId: string,
  instances: Pick<Instances, 'status'> | undefined,
): HostWorkspace {
  const instance = instances?.status(id)
  const lastMs = Math.max(lastUsedAt ?? 0, instance?.lastUsedAt ?? 0)
  return {
    id,
    name,
    path: path || (baseUrl ?? ''),
    isRemote: workspaceType === 'remote',
    isActive: id === activeId,
    state: instance?.state ?? 'unknown',
    ...(lastMs > 0 && { lastUsedAt: lastMs }),
  }
}

/** That it runs, and where: whoever looks for a daemon finds it from now on. */
const noteStart = (state: StateFile, status: DaemonStatus, openworkPort: number): Promise<void> =>
  state.change(known => ({
    ...known,
    ...(status.daemon && { daemon: status.daemon }),
    ...(status.opencode && { opencode: status.opencode }),
    ...(status.cliVersion && { cliVersion: status.cliVersion }),
    ...(status.sidecar && { sidecar: status.sidecar }),
    ...(status.binaries && { binaries: status.binaries }),
    formerPorts: { daemon: status.daemon?.port, opencode: status.opencode?.port, openwork: openworkPort },
  }))

/** For what is worth no failure: nobody trusts the processes in the state without the lock. */
async function note(
  state: StateFile,
  log: DaemonDeps['log'],
  next: (known: DaemonState) => DaemonState,
): Promise<void> {
  await state
    .change(next)
    .catch(error => log.warn('the state of the daemon could not be written', { reason: messageOf(error) }))
}
