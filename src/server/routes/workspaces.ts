import { workspaceActivity, workspacesReread } from '../../api/control.ts'
import {
  activatedWorkspace,
  deletedWorkspace,
  displayNameRequest,
  localWorkspaceRequest,
  managedWorkspaces,
  removeQuery,
  type Workspace,
  workspaceList,
} from '../../api/workspaces.ts'
import { created, ok } from '../../http/route.ts'
import type { Caller } from '../admission.ts'
import { route, type Services } from '../services.ts'
import { visibleTo } from '../workspaces.ts'

export const listWorkspaces = route({
  method: 'GET',
  path: '/workspaces',
  summary: 'The published workspaces, the active one first',
  access: { auth: 'client' },
  reply: ok(workspaceList),
  fails: [],
  handle: ({ caller }, { workspaces }) => {
    const items = workspaces.all.map(workspace => visibleTo(caller.scope, workspace))
    return { items, workspaces: items, activeId: workspaces.active?.id ?? null }
  },
})

export const mountedWorkspaces = route({
  method: 'GET',
  path: '/w/:id/workspaces',
  summary: 'This workspace as if it were the only one',
  access: { auth: 'client' },
  reply: ok(workspaceList),
  fails: ['workspace_not_found', 'workspace_unauthorized'],
  handle: ({ caller, params: { id } }, { workspaces }) => ({
    items: [visibleTo(caller.scope, workspaces.require(id))],
    activeId: id,
  }),
})

/** Changes what unmounted `/opencode` reaches, for every client; `/w/:id/…` does not depend on it. */
export const activateWorkspace = route({
  method: 'POST',
  path: '/workspaces/:id/activate',
  summary: 'Make a workspace the active one',
  access: { auth: 'host' },
  reply: ok(activatedWorkspace),
  fails: ['workspace_not_found', 'workspace_unauthorized'],
  handle: async ({ caller, params: { id } }, { workspaces, audit }) => {
    const activated = workspaces.activate(id)
    await audit.record(id, caller.actor, [noteOf('activate', activated)])
    const workspace = visibleTo(caller.scope, activated)
    return { activeId: workspace.id, workspace, persisted: false as const }
  },
})

const MANAGED_FAILS = [
  'invalid_config',
  'config_file_unusable',
  // where a daemon keeps the list
  'daemon_not_running',
  'daemon_state_unusable',
  'disk_full',
] as const

export const createWorkspace = route({
  method: 'POST',
  path: '/workspaces/local',
  summary: 'Publish a folder as the active workspace, made when it is missing',
  access: { auth: 'host', writes: true },
  body: localWorkspaceRequest,
  reply: created(managedWorkspaces),
  fails: [
    ...MANAGED_FAILS,
    'invalid_json',
    'invalid_payload',
    'invalid_path',
    'invalid_jsonc',
    'workspace_not_a_folder',
    'workspace_unusable',
    'workspace_limit_reached',
    'write_failed',
  ],
  handle: async ({ caller, body }, services) => {
    const { workspace, persisted } = await services.workspaceRegistry.create(body)
    await services.audit.record(workspace.id, caller.actor, [noteOf('create', workspace)])
    return listFor(caller, services, persisted)
  },
})

export const renameWorkspace = route({
  method: 'PATCH',
  path: '/workspaces/:id/display-name',
  summary: 'Name a workspace, or take its name back',
  access: { auth: 'host', writes: true },
  body: displayNameRequest,
  reply: ok(managedWorkspaces),
  fails: [...MANAGED_FAILS, 'invalid_json', 'invalid_payload', 'workspace_not_found'],
  handle: async ({ caller, params: { id }, body }, services) => {
    const { workspace, persisted } = await services.workspaceRegistry.rename(id, body.displayName ?? undefined)
    await services.audit.record(id, caller.actor, [noteOf('rename', workspace)])
    return listFor(caller, services, persisted)
  },
})

export const deleteWorkspace = route({
  method: 'DELETE',
  path: '/workspaces/:id',
  summary: 'Forget a workspace; its files stay',
  access: { auth: 'host', writes: true },
  query: removeQuery,
  reply: ok(deletedWorkspace),
  fails: [...MANAGED_FAILS, 'workspace_not_found', 'workspace_busy'],
  handle: async ({ caller, params: { id }, query: { force = false } }, services) => {
    const { workspace, persisted } = await services.workspaceRegistry.remove(id, { force })
    await services.audit.record(id, caller.actor, [noteOf('delete', workspace)])
    const list = listFor(caller, services, persisted)
    return { ok: true as const, deleted: true as const, ...list, items: list.workspaces }
  },
})

/** Allowed in read-only mode: whoever changed the file has changed what is served already. */
export const rereadWorkspaces = route({
  method: 'POST',
  path: '/workspaces/reload',
  summary: 'Publish what the settings file lists now',
  access: { auth: 'host' },
  reply: ok(workspacesReread),
  fails: ['invalid_config', 'not_available'],
  handle: async (_call, { workspaceRegistry, workspaces }) => {
    await workspaceRegistry.reload()
    return { ok: true as const, count: workspaces.all.length }
  },
})

export const readWorkspaceActivity = route({
  method: 'GET',
  path: '/workspaces/activity',
  summary: 'Who uses opencode through this server, by workspace',
  access: { auth: 'host' },
  reply: ok(workspaceActivity),
  fails: [],
  handle: (_call, { workspaces, opencodeUse }) => ({ items: workspaces.all.map(({ id }) => opencodeUse.of(id)) }),
})

const listFor = ({ scope }: Caller, { workspaces }: Services, persisted: boolean) => ({
  activeId: workspaces.active?.id ?? null,
  workspaces: workspaces.all.map(workspace => visibleTo(scope, workspace)),
  persisted,
})

const noteOf = (action: 'create' | 'rename' | 'activate' | 'delete', { path, baseUrl, name, id }: Workspace) => ({
  action: `workspace.${action}`,
  target: path || baseUrl || id,
  summary: `${action} workspace ${name}`,
})
