import { OpenworkError } from '../../shared/errors.ts'
import type { ServerRoute, ServerStreamRoute } from '../services.ts'
import { capabilities } from './capabilities.ts'
import { readConfig } from './config.ts'
import { health } from './health.ts'
import { opencodeRoutes } from './opencode.ts'
import { opencodeRouterRoutes } from './opencode-router.ts'
import { cancelPairing, claimPairing, listPairings, openPairing } from './pairings.ts'
import { mountedStatus, status } from './status.ts'
import { createToken, listTokens, revokeToken, rotateToken } from './tokens.ts'
import { whoami } from './whoami.ts'
import { activateWorkspace, listWorkspaces, mountedWorkspaces } from './workspaces.ts'

/** A server-wide route that is also there under `/w/:id`, for clients that know one workspace as their base URL. */
const underMount = (route: ServerRoute): ServerRoute => ({
  ...route,
  path: `/w/:mountId${route.path}`,
  fails: [...route.fails, 'workspace_not_found', 'workspace_unauthorized'],
  handle: (call, services) => {
    services.workspaces.require(call.params.mountId ?? '')
    return route.handle(call, services)
  },
})

/** A route of one workspace, `/workspace/:id/…`, under the mount of the same workspace and no other. */
const underOwnMount = (route: ServerRoute): ServerRoute => ({
  ...route,
  path: `/w/:mountId${route.path}`,
  handle: (call, services) => {
    if (call.params.mountId !== call.params.id) throw new OpenworkError('not_found', 'No such route')
    return route.handle(call, services)
  },
})

/** Everything this server answers. */
export const SERVER_ROUTES: readonly (ServerRoute | ServerStreamRoute)[] = [
  ...[health, capabilities, whoami].flatMap(route => [route, underMount(route)]),
  status,
  mountedStatus,
  listWorkspaces,
  mountedWorkspaces,
  activateWorkspace,
  listTokens,
  createToken,
  revokeToken,
  rotateToken,
  listPairings,
  openPairing,
  cancelPairing,
  claimPairing,
  ...[readConfig].flatMap(route => [route, underOwnMount(route)]),
  ...opencodeRoutes,
  ...opencodeRouterRoutes,
]
