import { z } from 'zod'

export const RELOAD_REASONS = ['plugins', 'skills', 'mcp', 'config', 'agents', 'commands'] as const
export type ReloadReason = (typeof RELOAD_REASONS)[number]

/** What was changed; with several changes at once, the first of them by its path. */
const reloadTrigger = z.object({
  type: z.enum(['skill', 'plugin', 'config', 'mcp', 'agent', 'command']),
  name: z.string().optional(),
  action: z.enum(['added', 'removed', 'updated']).optional(),
  /** Absolute. */
  path: z.string().optional(),
})
export type ReloadTrigger = z.infer<typeof reloadTrigger>

/** Something changed that opencode reads when it starts: its instance should be reloaded. */
export const reloadEvent = z.object({
  id: z.string(),
  /** Over all workspaces of a server, from 1. */
  seq: z.number(),
  workspaceId: z.string(),
  reason: z.enum(RELOAD_REASONS),
  trigger: reloadTrigger.optional(),
  /** Milliseconds since the epoch. */
  timestamp: z.number(),
})
export type ReloadEvent = z.infer<typeof reloadEvent>

/** Where a listing ends: what to ask for next, and in which life of the server. */
const reloadCursor = z.object({
  /** The newest `seq` over all workspaces. */
  cursor: z.number(),
  /** Another one: the server was started anew, and `seq` begins at 1. */
  epoch: z.string(),
  /** The oldest `seq` that is still known; whoever is behind it has missed some. Null when none is. */
  oldestSeq: z.number().nullable(),
})
export type ReloadCursor = z.infer<typeof reloadCursor>

export const reloadEventList = reloadCursor.extend({
  items: z.array(reloadEvent),
  workspaceId: z.string(),
  disabled: z.literal(false),
})

/** Anything that is no number of events counts as 0. */
export const reloadEventQuery = z.object({ since: z.coerce.number().int().nonnegative().catch(0) })

/** `cursor` comes first, and again after a `reset`, which says that events were missed. */
export const reloadFeedEvents = { cursor: reloadCursor, reset: reloadCursor, reload: reloadEvent }

export const engineReloaded = z.object({ ok: z.literal(true), reloadedAt: z.number() })
