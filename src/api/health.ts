import { z } from 'zod'

export const health = z.object({
  ok: z.literal(true),
  version: z.string(),
  uptimeMs: z.number(),
})
export type Health = z.infer<typeof health>

/**
 * How a supervisor's health checks name themselves: one every few seconds for ever is not worth a line in the request
 * log.
 */
export const PROBE_USER_AGENT = 'openwork-probe'
