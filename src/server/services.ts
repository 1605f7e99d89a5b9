import type { Workspace } from '../api/workspaces.ts'
import {
  type AnyRoute,
  bytesRoutesOf,
  eventRoutesOf,
  type FixedRoute,
  type Route,
  routesOf,
  type StreamRoute,
} from '../http/route.ts'
import type { Access, Caller } from './admission.ts'
import type { Approvals } from './approvals.ts'
import type { AuditLog } from './audit.ts'
import type { FileIndexes } from './file-index/file-indexes.ts'
import type { BatchMemory } from './files/batch-memory.ts'
import type { FileChanges } from './files/file-changes.ts'
import type { FileSessions } from './files/sessions.ts'
import type { OpencodeHolds } from './opencode-holds.ts'
import type { OpencodeProxy } from './opencode-proxy.ts'
import type { OpencodeUse } from './opencode-use.ts'
import type { Pairings } from './pairings.ts'
import type { ProjectConfigs } from './project-config.ts'
import type { ReloadEvents } from './reload/reload-events.ts'
import type { RouterProxy } from './router-proxy.ts'
import type { RuntimeControl } from './runtime-control.ts'
import type { ServerSettings } from './settings.ts'
import type { TokenStore } from './token-store.ts'
import type { WorkspaceRegistry } from './workspace-registry.ts'
import type { Workspaces } from './workspaces.ts'

/** What the handlers of this program work with. */
export type Services = {
  settings: ServerSettings
  workspaces: Workspaces
  workspaceRegistry: WorkspaceRegistry
  tokens: TokenStore
  pairings: Pairings
  opencode: OpencodeProxy
  opencodeUse: OpencodeUse
  opencodeHolds: OpencodeHolds
  approvals: Approvals
  audit: AuditLog
  projectConfigs: ProjectConfigs
  reloadEvents: ReloadEvents
  router: RouterProxy
  runtime: RuntimeControl
  fileSessions: FileSessions
  fileChanges: FileChanges
  batchMemory: BatchMemory
  fileIndexes: FileIndexes
  /** `performance.now()` at the start. */
  startedMs: number
}

export type ServerRoute = Route<Access, Caller, Services>
export type ServerStreamRoute = StreamRoute<Access, Caller, Services>
export type ServerFixedRoute = FixedRoute<Access, Caller, Services>
export type AnyServerRoute = AnyRoute<Access, Caller, Services>

export const route = routesOf<Access, Caller, Services>()
export const eventRoute = eventRoutesOf<Access, Caller, Services>()
export const bytesRoute = bytesRoutesOf<Access, Caller, Services>()

/** Throws `workspace_not_found`, or `workspace_unauthorized` for one outside the authorized roots. */
export const requireWorkspace = ({ workspaces }: Services, id: string): Workspace => workspaces.require(id)
