import { z } from 'zod'

/** From least to most: a viewer reads, a collaborator works, an owner manages and answers permission prompts. */
export const SCOPES = ['viewer', 'collaborator', 'owner'] as const
export const scope = z.enum(SCOPES)
export type Scope = z.infer<typeof scope>

export const tokenRequest = z.object({
  scope,
  label: z.string().trim().max(80).optional(),
})
export type TokenRequest = z.infer<typeof tokenRequest>

/** A token as it is listed: what it may do, never what it is. */
export const tokenInfo = z.object({
  id: z.string(),
  scope,
  createdAt: z.number(),
  label: z.string().optional(),
})
export type TokenInfo = z.infer<typeof tokenInfo>

/** `token` is shown this once; the server keeps only its hash. */
export const issuedToken = tokenInfo.extend({ token: z.string() })
export type IssuedToken = z.infer<typeof issuedToken>

export const tokenList = z.object({ items: z.array(tokenInfo) })
export const tokenRevoked = z.object({ ok: z.literal(true) })
