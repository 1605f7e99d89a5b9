import { z } from 'zod'
import { approvalRequest } from './approvals.ts'
import { hotReloadStatus } from './hot-reload.ts'

/**
 * A host as it is seen from the machine it runs on: what the dashboard shows and `ps`, `stop`, `restart`, `url` and
 * `dashboard` ask for, at the control address of its run record and under the control token. Times are milliseconds
 * since the epoch. Nothing in a snapshot or a log entry is a secret; those have a request of their own.
 */

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** One line of the log stream, known secrets masked. */
export const hostLogEntry = z.object({
  /** Counts up by one within a run of the host; a gap means that lines were left out. */
  seq: z.number(),
  atMs: z.number(),
  /** `openwork-orchestrator`, `opencode`, `openwork-server`, … */
  service: z.string(),
  level: z.enum(LOG_LEVELS),
  /** Message and attributes, without colours and control characters. */
  text: z.string(),
})
export type HostLogEntry = z.infer<typeof hostLogEntry>

/** What a service costs with everything it started; the newest last, at most 60 samples, `everyMs` apart. */
const usage = z.object({
  everyMs: z.number(),
  /** Of one core. */
  cpuPercent: z.array(z.number()),
  memoryBytes: z.array(z.number()),
  processes: z.number(),
})
export type ServiceUsage = z.infer<typeof usage>

const SERVICE_STATES = [
  'waiting',
  'starting',
  'ready',
  'unhealthy',
  'backing-off',
  'stopping',
  'exited',
  'gave-up',
] as const

export const hostService = z.object({
  /** `openwork-orchestrator` is the host itself. */
  name: z.string(),
  state: z.enum(SERVICE_STATES),
  /** Why it is in this state, where that needs saying. */
  reason: z.string().optional(),
  pid: z.number().optional(),
  port: z.number().optional(),
  startedAt: z.number().optional(),
  readyAt: z.number().optional(),
  /** Spawns after the first one. */
  restarts: z.number(),
  /** With `backing-off`: when it is tried again. */
  nextTryAt: z.number().optional(),
  /** Of the last run that ended. */
  exit: z.object({ code: z.number().nullable(), signal: z.string().nullable() }).optional(),
  version: z.string().optional(),
  /** `bundled`, `downloaded`, `external`. */
  source: z.string().optional(),
  /** Absent until it was measured, which is only done while somebody looks, and where the system does not tell. */
  usage: usage.optional(),
})
export type HostService = z.infer<typeof hostService>

export const hostSession = z.object({
  id: z.string(),
  title: z.string(),
  directory: z.string(),
  /** `waiting`: for the answer to a permission or a question. */
  state: z.enum(['idle', 'busy', 'waiting']),
  updatedAt: z.number(),
})
export type HostSession = z.infer<typeof hostSession>

/** A folder of the host; a host of one workspace has one. */
export const hostWorkspace = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string(),
  isRemote: z.boolean(),
  isActive: z.boolean(),
  /** As `instanceStatus` of `daemon.ts` has it. */
  state: z.enum(['none', 'idle', 'busy', 'held', 'broken', 'unknown']),
  lastUsedAt: z.number().optional(),
})
export type HostWorkspace = z.infer<typeof hostWorkspace>

/** Telegram and Slack, once the bridge is there. */
const routerView = z.object({
  enabled: z.boolean(),
  identities: z.array(
    z.object({ id: z.string(), channel: z.string(), state: z.string(), note: z.string().optional() }),
  ),
})

export const hostSnapshot = z.object({
  runId: z.string(),
  /** Of openwork. */
  version: z.string(),
  pid: z.number(),
  startedAt: z.number(),
  /** `listed`: a daemon. */
  serves: z.enum(['one', 'listed']),
  /** Where opencode runs. */
  workspace: z.string(),
  /** It goes on without whoever started it. */
  isDetached: z.boolean(),
  /** `failed`: something that it cannot do without gave up, and it ends. */
  health: z.enum(['starting', 'ready', 'degraded', 'stopping', 'failed']),
  services: z.array(hostService),
  connection: z.object({
    /** Of openwork-server, for this machine and for others. */
    baseUrl: z.string(),
    connectUrl: z.string(),
    isRemote: z.boolean(),
    /** Other guesses at `connectUrl`, for when nothing answers there. */
    alternatives: z.array(z.string()).optional(),
    opencodeUrl: z.string(),
    /** For people; its credentials are not part of it. */
    attachCommand: z.string(),
  }),
  approvalMode: z.enum(['manual', 'auto']),
  readOnly: z.boolean(),
  /** Oldest first. Null: openwork-server does not tell at the moment. */
  approvals: z.array(approvalRequest).nullable(),
  /**
   * The last used first, 200 at most; of folders that opencode has been used in since it was started. Null: it does not
   * tell at the moment.
   */
  sessions: z.array(hostSession).nullable(),
  workspaces: z.array(hostWorkspace),
  reloads: z.array(hotReloadStatus),
  router: routerView.nullable(),
  /** Of a host without a terminal. */
  logFile: z.string().optional(),
  /** What was warned of while it started, a sentence each. */
  notices: z.array(z.string()).optional(),
})
export type HostSnapshot = z.infer<typeof hostSnapshot>

/** Something comes on `GET /host/events` at least so often, if only a comment. */
export const HOST_KEEP_ALIVE_MS = 2_000

/**
 * `GET /host/events?logs=<n>`: `snapshot` comes first and after every change, a few times per second at most; `log`
 * begins with the last n entries that are kept, and marks with `backlogEnd`, once, that these were all that were there when
 * the request came. `dropped` lines came faster than this client reads, and are gone.
 */
export const hostEvents = {
  snapshot: hostSnapshot,
  log: z.object({
    entries: z.array(hostLogEntry),
    dropped: z.number(),
    backlogEnd: z.literal(true).optional(),
  }),
} as const
export type HostEvent = {
  [Kind in keyof typeof hostEvents]: { event: Kind; data: z.infer<(typeof hostEvents)[Kind]> }
}[keyof typeof hostEvents]

/** `GET /host/credentials`. `ownerToken` is absent while the server is not verified yet, or is read-only. */
export const hostCredentials = z.object({
  clientToken: z.string(),
  hostToken: z.string(),
  ownerToken: z.string().optional(),
  opencodeUsername: z.string(),
  opencodePassword: z.string(),
})
export type HostCredentials = z.infer<typeof hostCredentials>

/** `POST /host/pairing`: a code for one device, as a link that a phone opens. */
export const hostPairing = z.object({ url: z.string(), code: z.string(), expiresAt: z.number() })
export type HostPairing = z.infer<typeof hostPairing>

/**
 * `POST /host/services/:name/restart`, answered when the new run is ready. Without `force` opencode's is refused as
 * `workspace_busy` while work runs that would end with it. That of openwork-server ends none: what was asked of opencode
 * through it goes on, and clients connect again.
 */
export const serviceRestartRequest = z.object({ force: z.boolean().default(false) })
export const serviceRestarted = z.object({ ok: z.literal(true), service: hostService })

/** `POST /host/stop`: without `force` refused as `workspace_busy` while work runs that would end with it. */
export const hostStopRequest = z.object({ force: z.boolean().default(false) })
export const hostStopping = z.object({ ok: z.literal(true) })

/** `POST /host/release`: from now on it goes on without whoever started it. */
export const hostReleased = z.object({ ok: z.literal(true) })

/** `POST /host/check`: what `--check` does. A check that fails is the failure `check_failed`. */
export const hostCheckRequest = z.object({ events: z.boolean().default(false) })
export const hostChecked = z.object({
  ok: z.literal(true),
  checks: z.array(z.object({ name: z.string(), tookMs: z.number() })),
})
