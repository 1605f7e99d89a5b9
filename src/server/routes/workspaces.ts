import { activatedWorkspace, workspaceList } from '../../api/workspaces.ts'
import { ok } from '../../http/route.ts'
import { route } from '../services.ts'
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
  handle: ({ caller, params: { id } }, { workspaces }) => {
    const workspace = visibleTo(caller.scope, workspaces.activate(id))
    return { activeId: workspace.id, workspace, persisted: false }
  },
})
