import { openedPairing, pairingCancelled, pairingClaim, pairingList, pairingRequest } from '../../api/pairings.ts'
import { issuedToken } from '../../api/tokens.ts'
import { created, ok } from '../../http/route.ts'
import { recordCredential } from '../server-audit.ts'
import { route } from '../services.ts'

export const listPairings = route({
  method: 'GET',
  path: '/pairings',
  summary: 'The open pairings and those claimed lately, oldest first, without their codes',
  access: { auth: 'host' },
  reply: ok(pairingList),
  fails: [],
  handle: (_call, { pairings }) => ({ items: pairings.list(performance.now()) }),
})

/** Allowed in read-only mode, as issuing a token is. */
export const openPairing = route({
  method: 'POST',
  path: '/pairings',
  summary: 'Make a single-use code that a device exchanges for a token of its own',
  access: { auth: 'host' },
  body: pairingRequest,
  bodyOptional: true,
  bodyCodes: { scope: 'invalid_scope' },
  reply: created(openedPairing),
  fails: ['invalid_json', 'invalid_payload', 'invalid_scope', 'pairing_limit_reached'],
  handle: async ({ body, caller }, services) => {
    const opened = services.pairings.open(body, performance.now())
    await recordCredential(services, caller, 'pairing.create', opened)
    return opened
  },
})

export const cancelPairing = route({
  method: 'DELETE',
  path: '/pairings/:id',
  summary: 'Cancel an open pairing: its code is refused from now on',
  access: { auth: 'host' },
  reply: ok(pairingCancelled),
  fails: ['pairing_not_found'],
  handle: async ({ params: { id }, caller }, services) => {
    const cancelled = services.pairings.cancel(id, performance.now())
    await recordCredential(services, caller, 'pairing.cancel', cancelled)
    return { ok: true }
  },
})

export const claimPairing = route({
  method: 'POST',
  path: '/pairings/claim',
  summary: 'Exchange a pairing code for a device token; needs no other credential',
  access: { auth: 'none' },
  body: pairingClaim,
  reply: created(issuedToken),
  fails: [
    'invalid_json',
    'invalid_payload',
    'too_many_attempts',
    'pairing_not_found',
    'token_limit_reached',
    'token_store_unusable',
  ],
  handle: async ({ body, caller }, services) => {
    const device = await services.pairings.claim(body, caller.from, performance.now())
    await recordCredential(services, caller, 'pairing.claim', device)
    return device
  },
})
