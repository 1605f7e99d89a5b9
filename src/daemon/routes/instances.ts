import { disposeRequest, instanceDisposed, leaseHeld, leaseReleased, leaseRequest } from '../../api/daemon.ts'
import { reloaded, reloadRequest } from '../../api/hot-reload.ts'
import { ok } from '../../http/route.ts'
import { FIND_FAILS, findLocal, MAX_BODY_BYTES, OPENCODE_FAILS, route } from '../services.ts'

export const disposeInstance = route({
  method: 'POST',
  path: '/instances/:id/dispose',
  summary: 'Have opencode forget what it keeps in memory for a workspace; its next request makes that anew',
  access: 'bearer',
  body: disposeRequest,
  bodyOptional: true,
  maxBodyBytes: MAX_BODY_BYTES,
  reply: ok(instanceDisposed),
  fails: [...FIND_FAILS, 'workspace_busy', ...OPENCODE_FAILS],
  handle: async ({ params: { id }, body: { force }, keepOpen }, { list, instances, remotes }) => {
    keepOpen()
    const workspace = list.find(id)
    const isRemote = workspace.workspaceType === 'remote'
    return { disposed: await (isRemote ? remotes.dispose(workspace) : instances.dispose(workspace.id, { force })) }
  },
})

export const reloadWorkspace = route({
  method: 'POST',
  path: '/workspaces/:id/reload',
  summary: 'Have opencode read the files of a workspace anew',
  access: 'bearer',
  body: reloadRequest,
  bodyOptional: true,
  maxBodyBytes: MAX_BODY_BYTES,
  reply: ok(reloaded),
  fails: [...FIND_FAILS, 'workspace_not_local', 'workspace_busy', ...OPENCODE_FAILS],
  handle: async ({ params: { id }, body: { force }, keepOpen }, services) => {
    keepOpen() // plugins and MCP servers are started anew
    const workspace = findLocal(services, id)
    await services.opencodeReady()
    services.instances.used(workspace.id, Date.now())
    return { ok: true, report: await services.reloads.reload(workspace.path, { force }) }
  },
})

export const leaseWorkspace = route({
  method: 'POST',
  path: '/workspaces/:id/leases',
  summary: 'Keep what opencode has in memory for a workspace for a time, used or not',
  access: 'bearer',
  body: leaseRequest,
  bodyOptional: true,
  maxBodyBytes: MAX_BODY_BYTES,
  reply: ok(leaseHeld),
  fails: [...FIND_FAILS, 'workspace_not_local', 'lease_limit_reached'],
  handle: ({ params: { id }, body }, services) => ({
    lease: services.instances.lease(findLocal(services, id).id, body),
  }),
})

export const renewLease = route({
  method: 'POST',
  path: '/leases/:id/renew',
  summary: 'Begin the time of a lease anew',
  access: 'bearer',
  body: leaseRequest,
  bodyOptional: true,
  maxBodyBytes: MAX_BODY_BYTES,
  reply: ok(leaseHeld),
  fails: ['lease_not_found'],
  handle: ({ params: { id }, body }, { instances }) => ({ lease: instances.renewLease(id, body) }),
})

export const releaseLease = route({
  method: 'DELETE',
  path: '/leases/:id',
  summary: 'Give a lease back',
  access: 'bearer',
  reply: ok(leaseReleased),
  fails: ['lease_not_found'],
  handle: ({ params: { id } }, { instances }) => {
    instances.releaseLease(id)
    return { ok: true }
  },
})
