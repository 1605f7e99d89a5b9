import { routeAt } from '../../http/route.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { sessionNotFound } from '../files/sessions.ts'
import type { AnyServerRoute, ServerFixedRoute } from '../services.ts'
import { listApprovals, replyApproval, watchApprovals } from './approvals.ts'
import { readAudit } from './audit.ts'
import { capabilities } from './capabilities.ts'
import { patchConfig, readConfig } from './config.ts'
import { changeFiles, readFiles, writeFiles } from './file-batches.ts'
import { listFileEvents, readCatalog, streamFileEvents } from './file-catalog.ts'
import { closeFiles, openFiles, renewFiles } from './file-sessions.ts'
import { readRawFile, statFile, writeRawFile } from './files.ts'
import { health } from './health.ts'
import { holdRequests, releaseRequests } from './holds.ts'
import { describeRoutes } from './openapi.ts'
import { opencodeRoutes } from './opencode.ts'
import { opencodeRouterRoutes } from './opencode-router.ts'
import { cancelPairing, claimPairing, listPairings, openPairing } from './pairings.ts'
import { listReloadEvents, reloadWorkspaceEngine, watchReloadEvents } from './reload.ts'
import { readRuntimeVersions, upgradeRuntime } from './runtime.ts'
import { mountedStatus, status } from './status.ts'
import { createToken, listTokens, revokeToken, rotateToken } from './tokens.ts'
import { whoami } from './whoami.ts'
import {
  activateWorkspace,
  createWorkspace,
  deleteWorkspace,
  listWorkspaces,
  mountedWorkspaces,
  readWorkspaceActivity,
  renameWorkspace,
  rereadWorkspaces,
} from './workspaces.ts'

/** A server-wide route that is also there under `/w/:id`, for clients that know one workspace as their base URL. */
const underMount = (route: ServerFixedRoute): ServerFixedRoute =>
  routeAt(
    `/w/:mountId${route.path}`,
    route,
    ({ mountId = '' }, { workspaces }) => {
      workspaces.require(mountId)
    },
    ['workspace_not_found', 'workspace_unauthorized'],
  )

/** A route of one workspace, `/workspace/:id/…`, under the mount of the same workspace and no other. */
const underOwnMount = (route: ServerFixedRoute): ServerFixedRoute =>
  routeAt(
    `/w/:mountId${route.path}`,
    route,
    ({ mountId, id }) => {
      if (mountId !== id) throw new OpenworkError('not_found', 'No such route')
    },
    [],
  )

/** A route of a file session, under the mount of the session's workspace and no other. */
const underSessionMount = (route: ServerFixedRoute): ServerFixedRoute =>
  routeAt(
    `/w/:mountId${route.path}`,
    route,
    ({ mountId = '', sessionId = '' }, { workspaces, fileSessions }) => {
      workspaces.require(mountId)
      if (!fileSessions.isOf(sessionId, mountId)) throw sessionNotFound(sessionId)
    },
    ['workspace_not_found', 'workspace_unauthorized'],
  )

/** Everything this server answers. */
export const SERVER_ROUTES: readonly AnyServerRoute[] = [
  ...[health, capabilities, whoami, readRuntimeVersions, upgradeRuntime].flatMap(route => [route, underMount(route)]),
  status,
  mountedStatus,
  listWorkspaces,
  mountedWorkspaces,
  activateWorkspace,
  createWorkspace,
  renameWorkspace,
  deleteWorkspace,
  rereadWorkspaces,
  readWorkspaceActivity,
  holdRequests,
  releaseRequests,
  listTokens,
  createToken,
  revokeToken,
  rotateToken,
  listPairings,
  openPairing,
  cancelPairing,
  claimPairing,
  listApprovals,
  watchApprovals,
  replyApproval,
  ...[readConfig, patchConfig, readAudit, listReloadEvents, watchReloadEvents, reloadWorkspaceEngine].flatMap(route => [
    route,
    underOwnMount(route),
  ]),
  openFiles,
  underOwnMount(openFiles),
  ...[statFile, readRawFile, writeRawFile].flatMap(route => [route, underOwnMount(route)]),
  ...[renewFiles, closeFiles, readFiles, writeFiles, changeFiles].flatMap(route => [route, underSessionMount(route)]),
  ...[readCatalog, listFileEvents, streamFileEvents].flatMap(route => [route, underSessionMount(route)]),
  ...opencodeRoutes,
  ...opencodeRouterRoutes,
  describeRoutes(() => SERVER_ROUTES),
]
