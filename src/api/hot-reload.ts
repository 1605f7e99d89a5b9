import { z } from 'zod'

/** What a file is to opencode. `instructions`: AGENTS.md and its like; `other`: what a config file points to. */
export const CHANGE_KINDS = ['config', 'command', 'skill', 'agent', 'plugin', 'tool', 'instructions', 'other'] as const
export type ChangeKind = (typeof CHANGE_KINDS)[number]

/** A file that opencode reads differs from what it has read. */
export const fileChange = z.object({
  kind: z.enum(CHANGE_KINDS),
  /** Of the command, skill, agent, …, where the file is one. */
  name: z.string().optional(),
  action: z.enum(['added', 'changed', 'removed']),
  /** Absolute. */
  path: z.string(),
})
export type FileChange = z.infer<typeof fileChange>

/** Why opencode could not read a changed file. `line` and `column` from 1. */
export const configProblem = z.object({
  path: z.string(),
  line: z.number().optional(),
  column: z.number().optional(),
  message: z.string(),
})
export type ConfigProblem = z.infer<typeof configProblem>

/** What runs in a directory's instance and would end with it. Ids. */
export const engineWork = z.object({
  sessions: z.array(z.string()),
  permissions: z.array(z.string()),
  questions: z.array(z.string()),
  /** Terminals that still run. */
  terminals: z.array(z.string()),
  /** How many of openwork-server's clients have just asked for work that opencode may not show yet. */
  requests: z.number().optional(),
})
export type EngineWork = z.infer<typeof engineWork>

/** What a host adds to `workspace_busy`, where it knows what is at work. */
export const busyDetails = z.object({ work: engineWork })

/** How much opencode serves for a directory. */
export const inventory = z.object({ commands: z.number(), agents: z.number(), skills: z.number() })
export type Inventory = z.infer<typeof inventory>

/** A reload that was done. Times are milliseconds since the epoch. */
export const reloadReport = z.object({
  directory: z.string(),
  /** `change`: by itself; `request`: somebody asked. */
  cause: z.enum(['change', 'request']),
  /** `instance`: this directory alone; `engine`: opencode itself, for what it reads once in its life. */
  extent: z.enum(['instance', 'engine']),
  changes: z.array(fileChange),
  before: inventory.optional(),
  after: inventory,
  at: z.number(),
  tookMs: z.number(),
})
export type ReloadReport = z.infer<typeof reloadReport>

/**
 * - `current`: opencode serves what is on the disk
 * - `settling`: something changed a moment ago, or the last reload did, or opencode does not answer
 * - `waiting`: work is going on; `overdue` when that was so for longer than the deadline. Never forced
 * - `reloading`
 * - `blocked`: a changed file cannot be read (`problems`), or opencode refused what it read
 * - `looping`: the same files changed again and again, with each reload or at short intervals; they are left alone until
 *   they have been quiet for a minute, or longer if that was tried before, or somebody asks for a reload
 */
const RELOAD_STATES = ['current', 'settling', 'waiting', 'overdue', 'reloading', 'blocked', 'looping'] as const

/** Hot reload of one directory. */
export const hotReloadStatus = z.object({
  directory: z.string(),
  state: z.enum(RELOAD_STATES),
  /** `polling`: the system has no more watches to give. `off`: changes are not looked for. */
  watching: z.enum(['events', 'polling', 'off']),
  /** Not taken up yet. */
  pending: z.array(fileChange),
  pendingSince: z.number().optional(),
  waitingFor: engineWork.optional(),
  problems: z.array(configProblem),
  /** What is not watched because there is too much of it, for people. */
  notes: z.array(z.string()).optional(),
  /** In this life of the program. */
  reloads: z.number(),
  last: reloadReport.optional(),
})
export type HotReloadStatus = z.infer<typeof hotReloadStatus>

/** `status` is what it is from now on; `report` comes with the one in which a reload was done. */
export const hotReloadEvent = z.object({
  directory: z.string(),
  message: z.string(),
  severity: z.enum(['info', 'warn', 'error']),
  status: hotReloadStatus,
  report: reloadReport.optional(),
})
export type HotReloadEvent = z.infer<typeof hotReloadEvent>

/** `force`: also when that ends work. */
export const reloadRequest = z.object({ force: z.boolean().default(false) })
export const reloaded = z.object({ ok: z.literal(true), report: reloadReport })
