import { createHash, timingSafeEqual } from 'node:crypto'
import { hostname } from 'node:os'
import {
  controlActivity,
  controlAddWorkspace,
  controlNoted,
  controlReloadRequest,
  controlReloadStatuses,
  controlRenameWorkspace,
  controlWorkspacesChanged,
} from '../api/control.ts'
import { type EngineWork, type HotReloadStatus, type ReloadReport, reloaded } from '../api/hot-reload.ts'
import { runtimeVersions, upgradeRequest, upgradeStarted } from '../api/runtime.ts'
import { removeQuery } from '../api/workspaces.ts'
import { httpApp } from '../http/app.ts'
import { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import { hostCheck } from '../http/host-policy.ts'
import { OpenStreams } from '../http/open-streams.ts'
import { accepted, ok, routesOf } from '../http/route.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { Secret } from '../shared/secret.ts'
import type { ListedWorkspaces } from './listed-workspaces.ts'
import { HOST_ROUTES, type HostRouteServices } from './live/host-routes.ts'
import { LiveView } from './live/live-view.ts'
import type { ObservedHost } from './live/observed-host.ts'
import type { Runtime } from './runtime.ts'

export type ControlServices = {
  runtime: Runtime
  /** Only of a host that serves listed ones. */
  workspaces: ListedWorkspaces | undefined
  /** Undefined until the host is ready. */
  reloads: Reloads | undefined
  host: ObservedHost
}

/** Hot reload of a host's directories, as it is asked for. */
export type Reloads = {
  statuses(): HotReloadStatus[]
  reload(directory: string, request: { force: boolean }): Promise<ReloadReport>
  /** Those that opencode has instances for, as far as is known. Throws as `OpenworkClient` does. */
  directories(): Promise<string[]>
  /**
   * Everything at work in them, that included which opencode has been given and does not show yet. New requests of
   * openwork-server's clients wait until the answer is disposed of. Throws as `OpencodeClient` does.
   */
  heldWork(): Promise<HeldWork>
}

export type HeldWork = AsyncDisposable & { work: EngineWork }

export type ControlApp = {
  handle: ReturnType<typeof httpApp>
  /** The host ends: open streams are told so, and end. */
  close(): void
}

const route = routesOf<'bearer', undefined, ControlServices>()

const versions = route({
  method: 'GET',
  path: '/runtime/versions',
  summary: 'What runs on this host, in which version, and the newest upgrade',
  access: 'bearer',
  reply: ok(runtimeVersions),
  fails: [],
  handle: (_call, { runtime }) => runtime.versions(),
})

const upgrade = route({
  method: 'POST',
  path: '/runtime/upgrade',
  summary: 'Renew services, one after the other',
  access: 'bearer',
  body: upgradeRequest,
  reply: accepted(upgradeStarted),
  fails: ['invalid_json', 'invalid_payload', 'invalid_services', 'upgrade_in_progress'],
  handle: ({ body }, { runtime }) => {
    const upgrade = runtime.upgrade(body.services)
    return { ok: true, started: true, services: upgrade.services, upgrade }
  },
})

const listed = ({ workspaces }: ControlServices): ListedWorkspaces => {
  if (workspaces) return workspaces
  throw new OpenworkError('not_available', 'This host serves one workspace')
}

const CHANGE_FAILS = ['not_available', 'daemon_state_unusable', 'data_dir_unusable', 'disk_full'] as const
const FOLDER_FAILS = [
  'workspace_not_found',
  'workspace_not_a_folder',
  'workspace_unusable',
  'workspace_limit_reached',
  'invalid_path',
] as const

const OPENCODE_FAILS = ['opencode_config_invalid', 'opencode_unreachable', 'opencode_invalid_answer'] as const

const addWorkspace = route({
  method: 'POST',
  path: '/workspaces',
  summary: 'List a folder',
  access: 'bearer',
  body: controlAddWorkspace,
  reply: ok(controlWorkspacesChanged),
  fails: ['invalid_json', 'invalid_payload', ...CHANGE_FAILS, ...FOLDER_FAILS],
  handle: async ({ body: { path, name } }, services) => ({
    ok: true,
    id: (await listed(services).add({ path, name })).id,
  }),
})

const renameWorkspace = route({
  method: 'PATCH',
  path: '/workspaces/:id',
  summary: 'Name a listed folder, or take its name back',
  access: 'bearer',
  body: controlRenameWorkspace,
  reply: ok(controlWorkspacesChanged),
  fails: ['invalid_json', 'invalid_payload', 'workspace_not_found', ...CHANGE_FAILS],
  handle: async ({ params: { id }, body: { name } }, services) => {
    await listed(services).rename(id, name)
    return { ok: true, id }
  },
})

const removeWorkspace = route({
  method: 'DELETE',
  path: '/workspaces/:id',
  summary: 'Forget a listed folder',
  access: 'bearer',
  query: removeQuery,
  reply: ok(controlWorkspacesChanged),
  fails: ['workspace_not_found', 'workspace_busy', ...OPENCODE_FAILS, ...CHANGE_FAILS],
  handle: async ({ params: { id }, query: { force = false }, keepOpen }, services) => {
    keepOpen() // opencode is asked what runs there
    await listed(services).remove(id, { force })
    return { ok: true, id }
  },
})

const activity = route({
  method: 'POST',
  path: '/activity',
  summary: 'Somebody began to use a listed workspace',
  access: 'bearer',
  body: controlActivity,
  reply: ok(controlNoted),
  fails: ['invalid_json', 'invalid_payload', 'not_available'],
  handle: ({ body: { workspaceId, at } }, services) => {
    listed(services).used(workspaceId, at)
    return { ok: true }
  },
})

const reloadsOf = ({ reloads }: ControlServices): Reloads => {
  if (reloads) return reloads
  throw new OpenworkError('not_available', 'The host is not ready for this yet', { hint: 'Try again in a moment.' })
}

const reloadStatuses = route({
  method: 'GET',
  path: '/reload/status',
  summary: 'Whether opencode serves what is on the disk, for each directory that is looked after',
  access: 'bearer',
  reply: ok(controlReloadStatuses),
  fails: ['not_available'],
  handle: (_call, services) => ({ items: reloadsOf(services).statuses() }),
})

const reload = route({
  method: 'POST',
  path: '/reload',
  summary: 'Have opencode read a directory anew',
  access: 'bearer',
  body: controlReloadRequest,
  reply: ok(reloaded),
  fails: ['invalid_json', 'invalid_payload', 'not_available', 'workspace_busy', ...OPENCODE_FAILS],
  handle: async ({ body: { directory, force }, keepOpen }, services) => {
    keepOpen() // plugins and MCP servers are started anew
    const reloads = reloadsOf(services)
    return { ok: true, report: await reloads.reload(directory ?? onlyDirectory(reloads), { force }) }
  },
})

function onlyDirectory(reloads: Reloads): string {
  const [only, ...others] = reloads.statuses()
  if (only && others.length === 0) return only.directory
  throw new OpenworkError('invalid_payload', 'This host has not just one directory: name the one you mean')
}

/** The request handler of the control server: every route asks for the bearer token. */
export function controlApp({
  services,
  log,
  token,
  bind,
}: {
  services: ControlServices
  log: Log
  token: Secret
  bind: string
}): ControlApp {
  const expected = digest(`Bearer ${token.reveal()}`)
  const view = new LiveView(services.host)
  const handle = httpApp<'bearer', undefined, ControlServices & HostRouteServices>({
    routes: [...CONTROL_ROUTES, ...HOST_ROUTES],
    // As it is at that moment: hot reload comes later.
    services: Object.assign(services, { view }),
    admit: (_access, exchange: Exchange) => {
      // Digests: of one length, whatever was presented.
      if (timingSafeEqual(digest(exchange.header('authorization') ?? ''), expected)) return undefined
      throw new OpenworkError('unauthorized', 'The control token is required')
    },
    checkHost: hostCheck({ bind, allowedHosts: [], machineName: hostname(), hint: `Use ${bind}` }),
    cors: new Cors([], 'everything'),
    streams: new OpenStreams(),
    requestLog: undefined,
    // The published protocol of this server has it so.
    failureExtra: ({ code }) => ({ ok: false, error: code }),
    errorLog: log,
  })
  return { handle, close: () => view.close() }
}

const CONTROL_ROUTES = [
  versions,
  upgrade,
  addWorkspace,
  renameWorkspace,
  removeWorkspace,
  activity,
  reloadStatuses,
  reload,
]

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
