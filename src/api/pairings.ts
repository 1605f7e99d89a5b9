import { z } from 'zod'
import { label, scope, tokenLifetime } from './tokens.ts'

/** What the host asks for: a code for one device. */
export const pairingRequest = z.object({
  scope: scope.default('collaborator'),
  /** Of the device token. Without it the device may name itself. */
  label: label.optional(),
  /** How long the code can be claimed. */
  expiresInSeconds: z
    .number()
    .int()
    .min(1)
    .max(24 * 60 * 60)
    .default(10 * 60),
  /** How long the device token is valid once claimed; without it, until it is revoked. */
  tokenExpiresInSeconds: tokenLifetime.optional(),
})
export type PairingRequest = z.infer<typeof pairingRequest>

/** A pairing as it is listed: never its code. */
export const pairingInfo = z.object({
  id: z.string(),
  /** `claimed` ones are listed for a while, so that whoever opened them learns what became of them. */
  status: z.enum(['open', 'claimed']),
  scope,
  label: z.string().optional(),
  createdAt: z.number(),
  expiresAt: z.number(),
  /** The device token it became. */
  tokenId: z.string().optional(),
})
export type PairingInfo = z.infer<typeof pairingInfo>

/** `code` is shown this once. */
export const openedPairing = pairingInfo.extend({ code: z.string() })
export type OpenedPairing = z.infer<typeof openedPairing>

export const pairingList = z.object({ items: z.array(pairingInfo) })
export const pairingCancelled = z.object({ ok: z.literal(true) })

export const pairingClaim = z.object({
  /** As shown or as typed by hand: case, spaces and dashes do not matter. */
  code: z.string().max(64),
  /** What the device calls itself; counts when the host gave no label. */
  label: label.optional(),
})
export type PairingClaim = z.infer<typeof pairingClaim>

/** What a phone opens to claim a code. A fragment: no server and no log on the way sees the code. */
export const pairingLink = (connectUrl: string, code: string): string => `${connectUrl}/#pair=${code}`
