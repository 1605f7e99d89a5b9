import { z } from 'zod'
import { configProblem, engineWork, hotReloadEvent, hotReloadStatus } from './hot-reload.ts'

/** Times are milliseconds since the epoch throughout. */

/** A workspace of a daemon, in its state file as on the wire. Credentials of a remote one are in neither. */
export const daemonWorkspace = z.object({
  id: z.string(),
  name: z.string(),
  /** Absolute; of a remote one its directory, or empty. */
  path: z.string(),
  workspaceType: z.enum(['local', 'remote']),
  baseUrl: z.string().optional(),
  directory: z.string().optional(),
  createdAt: z.number(),
  lastUsedAt: z.number().optional(),
})
export type DaemonWorkspace = z.infer<typeof daemonWorkspace>

const process = z.object({ pid: z.number(), port: z.number(), baseUrl: z.string(), startedAt: z.number() })
export type DaemonProcess = z.infer<typeof process>

const binary = z.object({
  path: z.string(),
  source: z.string(),
  expectedVersion: z.string().optional(),
  actualVersion: z.string().optional(),
})

const sidecar = z.object({
  dir: z.string(),
  baseUrl: z.string(),
  manifestUrl: z.string(),
  target: z.string().nullable(),
  source: z.string(),
  opencodeSource: z.string(),
  allowExternal: z.boolean(),
})

/** Keeps an instance from being evicted as idle. */
export const lease = z.object({
  id: z.string(),
  workspaceId: z.string(),
  label: z.string(),
  expiresAt: z.number(),
})
export type Lease = z.infer<typeof lease>

/** What opencode keeps in memory for a workspace, and why. */
export const instanceStatus = z.object({
  workspaceId: z.string(),
  /**
   * `none`: nothing; the next request makes it. `held`: by clients that listen, by leases, or by changed files that opencode
   * could not read. `broken`: opencode refuses every request for it because of its files (`problems`). `unknown`: a remote
   * one's is not ours to watch.
   */
  state: z.enum(['none', 'idle', 'busy', 'held', 'broken', 'unknown']),
  lastUsedAt: z.number().optional(),
  /** With `idle`: since when nothing holds it. */
  idleSince: z.number().optional(),
  /** With `idle`: when it is disposed of; absent when that is off. */
  evictsAt: z.number().optional(),
  work: engineWork.optional(),
  /** What is wrong with its files, where something is. */
  problems: z.array(configProblem).optional(),
  /** Clients connected to its events. */
  listeners: z.number(),
  leases: z.array(lease),
  /** Instances disposed of as idle, in this life of the daemon. */
  evictions: z.number(),
  reload: hotReloadStatus.optional(),
})
export type InstanceStatus = z.infer<typeof instanceStatus>

/** The opencode process. Memory is resident bytes of it and its children; undefined where the system does not tell. */
export const engineStatus = z.object({
  state: z.string(),
  pid: z.number().optional(),
  memoryBytes: z.number().optional(),
  children: z.number().optional(),
  restarts: z.number(),
  memoryLimitBytes: z.number().optional(),
  /** Over the limit, and waiting for its sessions to end before it is restarted. */
  isDraining: z.boolean(),
  /** Why opencode stays above the limit, where no restart gets it below: for people. */
  limitNote: z.string().optional(),
})
export type EngineStatus = z.infer<typeof engineStatus>

/** The published fields first. `opencode` null: it is not up. */
export const daemonStatus = z.object({
  ok: z.literal(true),
  daemon: process.nullable(),
  opencode: process.nullable(),
  activeId: z.string(),
  workspaceCount: z.number(),
  cliVersion: z.string().nullable(),
  sidecar: sidecar.nullable(),
  binaries: z.object({ opencode: binary }).nullable(),
  /** Ours: where phones come in. */
  openwork: z.object({ baseUrl: z.string(), connectUrl: z.string(), state: z.string(), pid: z.number().optional() }),
  engine: engineStatus,
  hotReload: z.object({ enabled: z.boolean(), debounceMs: z.number(), cooldownMs: z.number(), deadlineMs: z.number() }),
  /** 0: never. */
  idleTimeoutMs: z.number(),
  instances: z.array(instanceStatus),
  logFile: z.string().optional(),
})
export type DaemonStatus = z.infer<typeof daemonStatus>

/** Without the daemon's token. */
export const daemonAlive = z.object({ ok: z.literal(true), version: z.string() })

export const daemonWorkspaceList = z.object({ activeId: z.string(), workspaces: z.array(daemonWorkspace) })
export const daemonWorkspaceChanged = z.object({
  activeId: z.string(),
  workspace: daemonWorkspace,
  /** The folder was not there, and was made. */
  created: z.boolean().optional(),
  /** It was listed before; its name may be new. */
  wasListed: z.boolean().optional(),
  /** For whoever asked: what went well, and may still not be what was wanted. */
  notes: z.array(z.string()).optional(),
})
export type DaemonWorkspaceChanged = z.infer<typeof daemonWorkspaceChanged>

export const daemonWorkspaceInfo = z.object({ workspace: daemonWorkspace, instance: instanceStatus.optional() })
export type DaemonWorkspaceInfo = z.infer<typeof daemonWorkspaceInfo>

/** opencode's own answer. */
export const opencodePath = z.looseObject({
  home: z.string(),
  state: z.string(),
  config: z.string(),
  worktree: z.string(),
  directory: z.string(),
})
export const daemonWorkspacePath = z.object({ workspace: daemonWorkspace, path: opencodePath })

/** `path` is absolute: the daemon does not know the caller's folder. */
export const addWorkspaceRequest = z.object({
  path: z.string().trim().min(1).max(4096),
  name: z.string().trim().min(1).max(200).optional(),
})
export const addRemoteRequest = z.object({
  baseUrl: z.string().trim().min(1).max(2048),
  directory: z.string().trim().min(1).max(4096).optional(),
  name: z.string().trim().min(1).max(200).optional(),
  /** Of that server alone; kept apart from everything that is shown. */
  username: z.string().max(512).optional(),
  password: z.string().max(4096).optional(),
})
export type AddRemoteRequest = z.infer<typeof addRemoteRequest>

export const workspaceRemoved = z.object({
  ok: z.literal(true),
  activeId: z.string(),
  removed: daemonWorkspace,
  /** With `force`: what was at work there. */
  ended: engineWork.optional(),
})
export const instanceDisposed = z.object({ disposed: z.boolean() })
export const disposeRequest = z.object({ force: z.boolean().default(false) })

/** Default an hour, at most a day; renewing begins it anew. */
export const leaseRequest = z.object({
  ttlMs: z.number().int().min(1_000).max(86_400_000).default(3_600_000),
  label: z.string().trim().max(200).default(''),
})
export const leaseHeld = z.object({ lease })
export const leaseReleased = z.object({ ok: z.literal(true) })

/** What is at work in a workspace, and ends with the daemon. */
const endedWork = z.object({ workspaceId: z.string(), name: z.string(), work: engineWork })
export type EndedWork = z.infer<typeof endedWork>
export const daemonStopping = z.object({ ok: z.literal(true), ended: z.array(endedWork).optional() })

const workspaceEvent = z.object({ activeId: z.string(), workspace: daemonWorkspace })

/** What `GET /events` sends; `status` comes first and after everything that was missed. */
export const daemonEvents = {
  status: daemonStatus,
  'workspace.added': workspaceEvent,
  'workspace.removed': workspaceEvent,
  'workspace.activated': workspaceEvent,
  /** By whom: idle for too long, asked for, or to get memory back. */
  'instance.disposed': z.object({ workspaceId: z.string(), reason: z.enum(['idle', 'request', 'memory']) }),
  /** Every state of opencode and openwork-server as the supervisor tells it. */
  service: z.object({ service: z.string(), state: z.string(), reason: z.string().optional() }),
  'engine.draining': z.object({ memoryBytes: z.number(), limitBytes: z.number(), work: z.number() }),
  'engine.restarted': z.object({ reason: z.enum(['memory', 'config', 'request']) }),
  reload: hotReloadEvent.extend({ workspaceId: z.string() }),
  stopping: z.object({}),
}
export type DaemonEvent = {
  [Kind in keyof typeof daemonEvents]: { event: Kind; data: z.infer<(typeof daemonEvents)[Kind]> }
}[keyof typeof daemonEvents]
