import { z } from 'zod'

/** From least to most: a viewer reads, a collaborator works, an owner manages and answers permission prompts. */
export const SCOPES = ['viewer', 'collaborator', 'owner'] as const
export const scope = z.enum(SCOPES)
export type Scope = z.infer<typeof scope>

/** How a token came about: asked for by the host, or by a device that had a pairing code. */
export const TOKEN_KINDS = ['issued', 'device'] as const
const tokenKind = z.enum(TOKEN_KINDS)

/** Ten years: a token that is to live longer has no deadline. */
const MAX_TOKEN_SECONDS = 10 * 366 * 24 * 60 * 60
export const tokenLifetime = z.number().int().min(1).max(MAX_TOKEN_SECONDS)

/** A name people recognise something by. It is shown in terminals: nothing in it may move the cursor or turn the text. */
export const label = z
  .string()
  .trim()
  .max(80)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u, 'Control characters are not allowed')

export const tokenRequest = z.object({
  scope,
  label: label.optional(),
  /** From now; without it the token is valid until it is revoked. */
  expiresInSeconds: tokenLifetime.optional(),
})
export type TokenRequest = z.infer<typeof tokenRequest>

/** A token as it is listed: what it may do, never what it is. */
export const tokenInfo = z.object({
  id: z.string(),
  scope,
  createdAt: z.number(),
  label: z.string().optional(),
  /** Servers of an earlier version do not say: they issue only one kind. */
  kind: tokenKind.default('issued'),
  /** To the minute; absent when it was never used. */
  lastSeenAt: z.number().optional(),
  expiresAt: z.number().optional(),
})
export type TokenInfo = z.infer<typeof tokenInfo>

/** `token` is shown this once; the server keeps only its hash. */
export const issuedToken = tokenInfo.extend({ token: z.string() })
export type IssuedToken = z.infer<typeof issuedToken>

export const tokenList = z.object({ items: z.array(tokenInfo) })
export const tokenRevoked = z.object({ ok: z.literal(true) })
