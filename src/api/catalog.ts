import { z } from 'zod'

const DEFAULT_PAGE = 2_000
const MAX_PAGE = 10_000

/** The longest a poll for events may wait, in seconds. */
const MAX_WAIT_SECONDS = 25

const count = z.coerce.number().int().nonnegative()

/** Lenient as this protocol always was: what cannot be used counts as left out. */
export const catalogQuery = z.object({
  /** This path and everything below it. */
  prefix: z.string().optional(),
  /** `nextAfter` of the page before. */
  after: z.string().optional(),
  includeDirs: z
    .string()
    .optional()
    .transform(text => text?.toLowerCase() !== 'false'),
  limit: count
    .min(1)
    .catch(DEFAULT_PAGE)
    .transform(limit => Math.min(limit, MAX_PAGE)),
})

const catalogItem = z.object({
  path: z.string(),
  kind: z.enum(['file', 'dir']),
  /** 0 for a folder. */
  size: z.number(),
  mtimeMs: z.number(),
  revision: z.string(),
})

/** Ordered by the UTF-8 bytes of the paths. */
export const catalogPage = z.object({
  sessionId: z.string(),
  workspaceId: z.string(),
  /** Milliseconds since the epoch. */
  generatedAt: z.number(),
  /** Sequence number of the newest event that this page shows. */
  cursor: z.number(),
  /** What `cursor` counts in. */
  epoch: z.string(),
  /** What matches behind `after`, on this page and beyond. At least so many, for a prefix that no index covers. */
  total: z.number(),
  truncated: z.boolean(),
  /** Only when truncated. */
  nextAfter: z.string().optional(),
  items: z.array(catalogItem),
  /** The system gives no more watches: changes made outside show up with a delay of seconds. */
  degraded: z.literal(true).optional(),
})

export const fileEvent = z.object({
  id: z.string(),
  /** Per workspace and epoch, from 1. */
  seq: z.number(),
  workspaceId: z.string(),
  /** A folder that is deleted or renamed takes with it what it holds, without further events. */
  type: z.enum(['write', 'delete', 'rename', 'mkdir']),
  path: z.string(),
  /** Of a rename. */
  toPath: z.string().optional(),
  /** Of what is there now. */
  revision: z.string().optional(),
  timestamp: z.number(),
})
export type FileEvent = z.infer<typeof fileEvent>

export const fileEventsQuery = z.object({
  /** The last sequence number the client knows. */
  since: count.catch(0),
  /** Of which epoch it is. */
  epoch: z.string().optional(),
  /** How many seconds to wait for an event when there is none, at most 25. */
  wait: z.coerce
    .number()
    .nonnegative()
    .catch(0)
    .transform(seconds => Math.min(seconds, MAX_WAIT_SECONDS)),
})

const feedState = z.object({
  epoch: z.string(),
  /** The newest sequence number. */
  cursor: z.number(),
  /** The oldest event that is kept; `cursor + 1` when there is none. */
  oldestSeq: z.number(),
})

export const fileEvents = feedState.extend({
  items: z.array(fileEvent),
  /** Events are missing between `since` and `items`, or `since` is of another epoch: take a new snapshot. */
  reset: z.boolean(),
})

/** Where a stream goes on. A browser, which cannot send `Last-Event-ID` at first, may use the query. */
export const fileStreamQuery = fileEventsQuery
  .pick({ epoch: true })
  .extend({ since: count.optional().catch(undefined) })

/** Of a file stream, by kind. `ready` is the first, unless it is `reset`: take a new snapshot. */
export const fileStreamEvents = { ready: feedState, change: fileEvent, reset: feedState }
