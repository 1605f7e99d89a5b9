import { z } from 'zod'

/** The programs that make up a host, in the order in which they are renewed. */
export const RUNTIME_SERVICES = ['opencode', 'opencode-router', 'openwork-server'] as const
export type RuntimeService = (typeof RUNTIME_SERVICES)[number]

const serviceVersion = z.object({
  name: z.enum(RUNTIME_SERVICES),
  enabled: z.boolean(),
  running: z.boolean(),
  /** Where the program came from: `bundled`, `downloaded`, `external`. */
  source: z.string().optional(),
  path: z.string().optional(),
  /** What this release was made with. */
  targetVersion: z.string().optional(),
  /** What runs; absent when it would not say. */
  actualVersion: z.string().optional(),
  upgradeAvailable: z.boolean(),
})

/** The newest upgrade of this run, or `idle` with nulls when there was none. Times are milliseconds since the epoch. */
const upgradeState = z.object({
  status: z.enum(['idle', 'running', 'failed']),
  startedAt: z.number().nullable(),
  finishedAt: z.number().nullable(),
  error: z.string().nullable(),
  operationId: z.string().nullable(),
  services: z.array(z.enum(RUNTIME_SERVICES)),
  /** Ours, once it has ended: those that run with another program now. The rest was restarted, or is as it was. */
  renewed: z.array(z.enum(RUNTIME_SERVICES)).optional(),
})
export type UpgradeState = z.infer<typeof upgradeState>

export const runtimeVersions = z.object({
  ok: z.literal(true),
  orchestrator: z.object({ version: z.string(), startedAt: z.number() }),
  worker: z.object({ workspace: z.string(), sandboxMode: z.string() }),
  upgrade: upgradeState,
  services: z.array(serviceVersion),
})
export type RuntimeVersions = z.infer<typeof runtimeVersions>

/** Names that are no services of this host are left out; the default is opencode and openwork-server. */
export const upgradeRequest = z.object({ services: z.array(z.string().max(80)).max(32).optional() })

export const upgradeStarted = z.object({
  ok: z.literal(true),
  started: z.literal(true),
  services: z.array(z.enum(RUNTIME_SERVICES)),
  upgrade: upgradeState,
})
export type UpgradeStarted = z.infer<typeof upgradeStarted>
