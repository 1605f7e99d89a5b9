import { z } from 'zod'
import { scope } from './tokens.ts'

/** Who a request was made by, as audit entries and approvals name them. */
export const actor = z.object({
  type: z.enum(['remote', 'host']),
  /** What the client calls itself (`X-OpenWork-Client-Id`); not verified. */
  clientId: z.string().optional(),
  /** SHA-256 of the presented credential, hexadecimal. */
  tokenHash: z.string().optional(),
  scope: scope.optional(),
})
export type Actor = z.infer<typeof actor>

export const whoami = z.object({ ok: z.literal(true), actor })
