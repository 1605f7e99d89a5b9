import { z } from 'zod'
import { actor } from './whoami.ts'

/** Something done through a server, or refused by it. */
export const auditEntry = z.object({
  id: z.string(),
  workspaceId: z.string(),
  actor,
  action: z.string(),
  /** An absolute path, or what else was acted on. */
  target: z.string(),
  summary: z.string(),
  timestamp: z.number(),
})
export type AuditEntry = z.infer<typeof auditEntry>

/** Newest first. */
export const auditList = z.object({ items: z.array(auditEntry) })

const DEFAULT_ENTRIES = 50
const MAX_ENTRIES = 200

/** A limit that is none counts as the default, one too high as the highest. */
export const auditQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .transform(limit => Math.min(limit, MAX_ENTRIES))
    .catch(DEFAULT_ENTRIES),
})
