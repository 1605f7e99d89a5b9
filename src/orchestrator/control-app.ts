import { createHash, timingSafeEqual } from 'node:crypto'
import { hostname } from 'node:os'
import {
  controlActivity,
  controlAddWorkspace,
  controlNoted,
  controlRenameWorkspace,
  controlWorkspacesChanged,
} from '../api/control.ts'
import { runtimeVersions, upgradeRequest, upgradeStarted } from '../api/runtime.ts'
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
import type { Runtime } from './runtime.ts'

export type ControlServices = {
  runtime: Runtime
  /** Only of a host that serves listed ones. */
  workspaces: ListedWorkspaces | undefined
}

export type ControlHandler = ReturnType<typeof httpApp>

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

const CHANGE_FAILS = ['not_available', 'daemon_state_unusable', 'disk_full'] as const
const FOLDER_FAILS = [
  'workspace_not_a_folder',
  'workspace_unusable',
  'workspace_limit_reached',
  'invalid_path',
] as const

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
  reply: ok(controlWorkspacesChanged),
  fails: ['workspace_not_found', ...CHANGE_FAILS],
  handle: async ({ params: { id } }, services) => {
    await listed(services).remove(id)
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
}): ControlHandler {
  const expected = digest(`Bearer ${token.reveal()}`)
  return httpApp<'bearer', undefined, ControlServices>({
    routes: [versions, upgrade, addWorkspace, renameWorkspace, removeWorkspace, activity],
    services,
    admit: (_access, exchange: Exchange) => {
      // Digests: of one length, whatever was presented.
      if (timingSafeEqual(digest(exchange.header('authorization') ?? ''), expected)) return undefined
      throw new OpenworkError('unauthorized', 'The control token is required')
    },
    checkHost: hostCheck({ bind, allowedHosts: [], machineName: hostname() }),
    cors: new Cors([]),
    streams: new OpenStreams(),
    requestLog: undefined,
    errorLog: log,
  })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
