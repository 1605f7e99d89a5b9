import type { z } from 'zod'
import {
  type AddRemoteRequest,
  type addWorkspaceRequest,
  type DaemonStatus,
  type DaemonWorkspace,
  type DaemonWorkspaceChanged,
  type DaemonWorkspaceInfo,
  daemonAlive,
  daemonEvents,
  daemonStatus,
  daemonStopping,
  daemonWorkspaceChanged,
  daemonWorkspaceInfo,
  daemonWorkspaceList,
  daemonWorkspacePath,
  type EndedWork,
  instanceDisposed,
  type Lease,
  leaseHeld,
  leaseReleased,
  type leaseRequest,
  type opencodePath,
  workspaceRemoved,
} from './daemon.ts'
import { type ReceivedEvent, receiveEvents } from './event-source.ts'
import { type EngineWork, type ReloadReport, reloaded } from './hot-reload.ts'
import { askServer, type OpenworkClientOptions } from './request.ts'

/**
 * Calls of a daemon. A workspace is named by its id, its name or its absolute path. Every call throws an `OpenworkError`
 * as those of `OpenworkClient` do.
 */
export type DaemonClient = {
  /** Needs no token. */
  alive(): Promise<{ version: string }>
  status(): Promise<DaemonStatus>
  workspaces(): Promise<{ activeId: string; workspaces: DaemonWorkspace[] }>
  addWorkspace(request: z.input<typeof addWorkspaceRequest>): Promise<DaemonWorkspaceChanged>
  addRemote(request: AddRemoteRequest): Promise<DaemonWorkspaceChanged>
  workspace(name: string): Promise<DaemonWorkspaceInfo>
  activate(name: string): Promise<DaemonWorkspaceChanged>
  path(name: string): Promise<{ workspace: DaemonWorkspace; path: z.infer<typeof opencodePath> }>
  /** Without `force`, `workspace_busy` when work goes on there or somebody holds a lease. */
  removeWorkspace(
    name: string,
    request?: { force?: boolean },
  ): Promise<{ activeId: string; removed: DaemonWorkspace; ended?: EngineWork | undefined }>
  /** Without `force`, `workspace_busy` when that would end work. */
  reload(name: string, request?: { force?: boolean }): Promise<ReloadReport>
  dispose(name: string, request?: { force?: boolean }): Promise<boolean>
  lease(name: string, request?: z.input<typeof leaseRequest>): Promise<Lease>
  renewLease(id: string, request?: z.input<typeof leaseRequest>): Promise<Lease>
  releaseLease(id: string): Promise<void>
  /** Resolves with what is at work, and ends. */
  shutdown(): Promise<EndedWork[]>
  events(signal: AbortSignal): AsyncGenerator<ReceivedEvent<typeof daemonEvents>>
}

export function daemonClient(options: OpenworkClientOptions): DaemonClient {
  const call = <Result>(method: string, path: string, reply: z.ZodType<Result>, body?: unknown): Promise<Result> =>
    askServer(options, { method, path, body }, reply)
  const workspaceAt = (name: string): string => `/workspaces/${encodeURIComponent(name)}`
  const leaseAt = (id: string): string => `/leases/${encodeURIComponent(id)}`
  return {
    alive: () => call('GET', '/health', daemonAlive),
    status: () => call('GET', '/status', daemonStatus),
    workspaces: () => call('GET', '/workspaces', daemonWorkspaceList),
    addWorkspace: body => call('POST', '/workspaces', daemonWorkspaceChanged, body),
    addRemote: body => call('POST', '/workspaces/remote', daemonWorkspaceChanged, body),
    workspace: name => call('GET', workspaceAt(name), daemonWorkspaceInfo),
    activate: name => call('POST', `${workspaceAt(name)}/activate`, daemonWorkspaceChanged),
    path: name => call('GET', `${workspaceAt(name)}/path`, daemonWorkspacePath),
    removeWorkspace: (name, { force = false } = {}) =>
      call('DELETE', `${workspaceAt(name)}${force ? '?force=true' : ''}`, workspaceRemoved),
    reload: async (name, body = {}) => (await call('POST', `${workspaceAt(name)}/reload`, reloaded, body)).report,
    dispose: async (name, body = {}) =>
      (await call('POST', `/instances/${encodeURIComponent(name)}/dispose`, instanceDisposed, body)).disposed,
    lease: async (name, body = {}) => (await call('POST', `${workspaceAt(name)}/leases`, leaseHeld, body)).lease,
    renewLease: async (id, body = {}) => (await call('POST', `${leaseAt(id)}/renew`, leaseHeld, body)).lease,
    releaseLease: async id => {
      await call('DELETE', leaseAt(id), leaseReleased)
    },
    shutdown: async () => (await call('POST', '/shutdown', daemonStopping)).ended ?? [],
    events: signal => receiveEvents(options, '/events', daemonEvents, signal),
  }
}
