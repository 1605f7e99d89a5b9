import { z } from 'zod'

export const health = z.object({
  ok: z.literal(true),
  version: z.string(),
  uptimeMs: z.number(),
})
export type Health = z.infer<typeof health>
