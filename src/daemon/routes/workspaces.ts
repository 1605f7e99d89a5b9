import {
  addRemoteRequest,
  addWorkspaceRequest,
  type DaemonWorkspaceChanged,
  daemonWorkspaceChanged,
  daemonWorkspaceInfo,
  daemonWorkspaceList,
  daemonWorkspacePath,
  workspaceRemoved,
} from '../../api/daemon.ts'
import { removeQuery } from '../../api/workspaces.ts'
import { ok } from '../../http/route.ts'
import { findWorkspace } from '../../orchestrator/workspace.ts'
import { secret } from '../../shared/secret.ts'
import { CHANGE_FAILS, FIND_FAILS, MAX_BODY_BYTES, OPENCODE_FAILS, route, type Services } from '../services.ts'
import type { Added } from '../workspace-list.ts'

const FOLDER_FAILS = ['workspace_not_found', 'workspace_not_a_folder', 'workspace_unusable'] as const

export const listWorkspaces = route({
  method: 'GET',
  path: '/workspaces',
  summary: 'All workspaces, and which is the active one',
  access: 'bearer',
  reply: ok(daemonWorkspaceList),
  fails: [],
  handle: (_call, { list }) => ({ activeId: list.activeId, workspaces: list.all }),
})

/** The answer, once it is served. What somebody may have to know is there only where it is the case. */
async function addedTo({ list, published, secondOpencodes }: Services, added: Added): Promise<DaemonWorkspaceChanged> {
  const { workspace, created, wasListed } = added
  await published()
  const notes = [...added.notes, ...(await secondOpencodes(workspace))]
  return {
    activeId: list.activeId,
    workspace,
    ...(created && { created }),
    ...(wasListed && { wasListed }),
    ...(notes.length > 0 && { notes }),
  }
}

export const addWorkspace = route({
  method: 'POST',
  path: '/workspaces',
  summary: 'List a folder, made when it is missing; the first one becomes active',
  access: 'bearer',
  body: addWorkspaceRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  reply: ok(daemonWorkspaceChanged),
  fails: [...FOLDER_FAILS, 'workspace_limit_reached', ...CHANGE_FAILS],
  handle: async ({ body: { path, name } }, services) => addedTo(services, await services.list.add({ path, name })),
})

export const addRemote = route({
  method: 'POST',
  path: '/workspaces/remote',
  summary: 'List a folder of another opencode',
  access: 'bearer',
  body: addRemoteRequest,
  maxBodyBytes: MAX_BODY_BYTES,
  reply: ok(daemonWorkspaceChanged),
  fails: ['workspace_limit_reached', ...CHANGE_FAILS],
  handle: async ({ body: { baseUrl, directory, name, username, password } }, services) => {
    const credentials =
      username === undefined && password === undefined
        ? undefined
        : // What opencode takes for the user when only a password was set.
          { username: secret(username ?? 'opencode'), password: secret(password ?? '') }
    return addedTo(services, await services.list.addRemote({ baseUrl, directory, name, credentials }))
  },
})

export const workspaceInfo = route({
  method: 'GET',
  path: '/workspaces/:id',
  summary: 'A workspace by id, name or path, and what opencode keeps in memory for it',
  access: 'bearer',
  reply: ok(daemonWorkspaceInfo),
  fails: FIND_FAILS,
  handle: async ({ params: { id } }, { list, instances, look }) => {
    const workspace = list.find(id)
    await look()
    return { workspace, instance: instances.status(workspace.id) }
  },
})

export const activate = route({
  method: 'POST',
  path: '/workspaces/:id/activate',
  summary: 'Make a workspace the active one: the one that is meant where none is named',
  access: 'bearer',
  reply: ok(daemonWorkspaceChanged),
  fails: [...FIND_FAILS, ...CHANGE_FAILS],
  handle: async ({ params: { id } }, { list, published }) => {
    const workspace = await list.activate(id)
    await published()
    return { activeId: list.activeId, workspace }
  },
})

export const workspacePath = route({
  method: 'GET',
  path: '/workspaces/:id/path',
  summary: 'Where opencode keeps what for a workspace; makes its instance',
  access: 'bearer',
  reply: ok(daemonWorkspacePath),
  fails: [...FIND_FAILS, ...FOLDER_FAILS, ...OPENCODE_FAILS],
  handle: async ({ params: { id }, keepOpen }, { list, instances, opencode, remotes }) => {
    keepOpen() // plugins and MCP servers may start first
    const workspace = list.find(id)
    if (workspace.workspaceType === 'remote') return { workspace, path: await remotes.path(workspace) }
    findWorkspace(workspace.path, false) // opencode would make an instance for a folder that is gone
    instances.used(workspace.id, Date.now())
    list.used(workspace.id, Date.now())
    return { workspace, path: await opencode.path(workspace.path) }
  },
})

export const removeWorkspace = route({
  method: 'DELETE',
  path: '/workspaces/:id',
  summary: 'Forget a workspace; its files stay, what runs there ends',
  access: 'bearer',
  query: removeQuery,
  reply: ok(workspaceRemoved),
  fails: [...FIND_FAILS, 'workspace_busy', ...OPENCODE_FAILS, ...CHANGE_FAILS],
  handle: async ({ params: { id }, query: { force = false }, keepOpen }, { list, instances, published }) => {
    keepOpen()
    const workspace = list.find(id)
    const ended = await instances.requireFree(workspace.id, { force })
    const removed = await list.remove(workspace.id)
    // Clients are cut off first: their next request would make the instance again.
    await published()
    await instances.remove(removed.id)
    return { ok: true as const, activeId: list.activeId, removed, ...(ended && { ended }) }
  },
})
