import type { DaemonEvent, DaemonStatus, DaemonWorkspace } from '../api/daemon.ts'
import type { OpencodeClient } from '../api/opencode-client.ts'
import type { EventFeed } from '../http/event-feed.ts'
import { type AnyRoute, eventRoutesOf, routesOf } from '../http/route.ts'
import type { Reloads } from '../orchestrator/control-app.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Instances } from './instances/instances.ts'
import type { RemoteOpencodes } from './remote-opencode.ts'
import type { WorkspaceList } from './workspace-list.ts'

/** `any`: without a token too, which is then told less. */
export type Access = 'any' | 'bearer'

export type Caller = { isAdmitted: boolean }

/** What the handlers of the daemon's API work with. */
export type Services = {
  list: WorkspaceList
  instances: Pick<
    Instances,
    'used' | 'status' | 'dispose' | 'requireFree' | 'lease' | 'renewLease' | 'releaseLease' | 'remove'
  >
  opencode: Pick<OpencodeClient, 'path'>
  /** Resolves when opencode can be asked: it may be on its way back. Throws `opencode_unreachable`. */
  opencodeReady(): Promise<void>
  reloads: Pick<Reloads, 'reload'>
  /** Looks at the instances, for a moment at most. */
  look(): Promise<void>
  remotes: Pick<RemoteOpencodes, 'path' | 'dispose'>
  /** Resolves when openwork-server has what the list says, or could not be told. Never rejects. */
  published(): Promise<void>
  /** What to say of hosts with an opencode of their own in its folder. Never rejects. */
  secondOpencodes(workspace: DaemonWorkspace): Promise<string[]>
  status(): Promise<DaemonStatus>
  feed: EventFeed<DaemonEvent>
  /** Ends the daemon as soon as its answer is out. */
  shutDown(): void
}

export type AnyDaemonRoute = AnyRoute<Access, Caller, Services>

export const route = routesOf<Access, Caller, Services>()
export const eventRoute = eventRoutesOf<Access, Caller, Services>()

/**
 * A workspace of this machine.
 * @throws OpenworkError workspace_not_local, and as `WorkspaceList.find`
 */
export function findLocal({ list }: Services, wanted: string): DaemonWorkspace {
  const workspace = list.find(wanted)
  if (workspace.workspaceType === 'local') return workspace
  throw new OpenworkError('workspace_not_local', `${workspace.name} is a workspace of ${workspace.baseUrl}`, {
    hint: 'Ask that machine: what opencode keeps there is not ours to manage.',
  })
}

export const FIND_FAILS = ['workspace_not_found', 'workspace_ambiguous'] as const
export const CHANGE_FAILS = ['disk_full', 'data_dir_unusable'] as const
export const OPENCODE_FAILS = ['opencode_unreachable', 'opencode_invalid_answer', 'opencode_config_invalid'] as const

/** Requests hold a few names. */
export const MAX_BODY_BYTES = 64 * 1024
