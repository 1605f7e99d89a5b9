import { status as statusReply } from '../../api/status.ts'
import type { Workspace } from '../../api/workspaces.ts'
import { ok } from '../../http/route.ts'
import { VERSION } from '../../shared/version.ts'
import type { Caller } from '../admission.ts'
import { route, type Services } from '../services.ts'
import { visibleTo } from '../workspaces.ts'

export const status = route({
  method: 'GET',
  path: '/status',
  summary: 'The server and its active workspace',
  access: { auth: 'client' },
  reply: ok(statusReply),
  fails: [],
  handle: ({ caller }, services) =>
    describe(services, caller, services.workspaces.active, services.workspaces.all.length),
})

export const mountedStatus = route({
  method: 'GET',
  path: '/w/:id/status',
  summary: 'The server as if it had this workspace alone',
  access: { auth: 'client' },
  reply: ok(statusReply),
  fails: ['workspace_not_found', 'workspace_unauthorized'],
  handle: ({ caller, params: { id } }, services) => describe(services, caller, services.workspaces.require(id), 1),
})

function describe(
  { settings, workspaces, startedMs }: Services,
  caller: Caller,
  workspace: Workspace | undefined,
  workspaceCount: number,
) {
  return {
    ok: true as const,
    version: VERSION,
    uptimeMs: Math.round(performance.now() - startedMs),
    readOnly: settings.readOnly,
    approval: settings.approval,
    corsOrigins: [...settings.corsOrigins],
    workspaceCount,
    activeWorkspaceId: workspace?.id ?? null,
    workspace: workspace ? visibleTo(caller.scope, workspace) : null,
    authorizedRoots: [...workspaces.authorizedRoots],
    server: { host: settings.host, port: settings.port, configPath: settings.configPath },
    tokenSource: { client: settings.clientToken.source, host: settings.hostToken.source },
  }
}
