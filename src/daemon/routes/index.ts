import { z } from 'zod'
import { type OpenApiDocument, openApiDocument } from '../../http/openapi.ts'
import { ok } from '../../http/route.ts'
import { VERSION } from '../../shared/version.ts'
import { type AnyDaemonRoute, route } from '../services.ts'
import { disposeInstance, leaseWorkspace, releaseLease, reloadWorkspace, renewLease } from './instances.ts'
import { events, health, shutdown, status } from './status.ts'
import {
  activate,
  addRemote,
  addWorkspace,
  listWorkspaces,
  removeWorkspace,
  workspaceInfo,
  workspacePath,
} from './workspaces.ts'

let document: OpenApiDocument | undefined

const openApi = route({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This description: every route, what it takes, answers and refuses',
  access: 'bearer',
  reply: ok(z.record(z.string(), z.unknown())),
  fails: [],
  handle: () =>
    (document ??= openApiDocument(DAEMON_ROUTES, {
      title: 'openwork daemon',
      version: VERSION,
      description: 'Serves many workspaces with one opencode, for programs of this machine.',
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: "In the data dir's file daemon/token" },
      },
      describe: access => ({
        security: access === 'any' ? [] : ['token'],
        // On /health a wrong token is refused as well: whoever sends one wants to know whether it is right.
        fails: ['unauthorized', 'origin_not_allowed'],
      }),
    })),
})

export const DAEMON_ROUTES: readonly AnyDaemonRoute[] = [
  health,
  status,
  events,
  openApi,
  listWorkspaces,
  addWorkspace,
  addRemote,
  workspaceInfo,
  activate,
  workspacePath,
  removeWorkspace,
  reloadWorkspace,
  disposeInstance,
  leaseWorkspace,
  renewLease,
  releaseLease,
  shutdown,
]
