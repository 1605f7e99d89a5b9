import { issuedToken, tokenList, tokenRequest, tokenRevoked } from '../../api/tokens.ts'
import { created, ok } from '../../http/route.ts'
import { recordCredential } from '../server-audit.ts'
import { route } from '../services.ts'

export const listTokens = route({
  method: 'GET',
  path: '/tokens',
  summary: 'The issued tokens, newest first; not the two built-in ones',
  access: { auth: 'host' },
  reply: ok(tokenList),
  fails: [],
  handle: async (_call, { tokens }) => ({ items: await tokens.list() }),
})

/** Allowed in read-only mode, as revoking is: a launcher needs a token of its own for a read-only server too. */
export const createToken = route({
  method: 'POST',
  path: '/tokens',
  summary: 'Issue a client token',
  access: { auth: 'host' },
  body: tokenRequest,
  bodyCodes: { scope: 'invalid_scope' },
  reply: created(issuedToken),
  fails: ['invalid_json', 'invalid_payload', 'invalid_scope', 'token_limit_reached', 'token_store_unusable'],
  handle: async ({ body, caller }, services) => {
    const issued = await services.tokens.issue(body)
    await recordCredential(services, caller, 'token.create', issued)
    return issued
  },
})

export const revokeToken = route({
  method: 'DELETE',
  path: '/tokens/:id',
  summary: 'Revoke an issued token',
  access: { auth: 'host' },
  reply: ok(tokenRevoked),
  fails: ['token_not_found', 'token_store_unusable'],
  handle: async ({ params: { id }, caller }, services) => {
    await services.tokens.revoke(id)
    await recordCredential(services, caller, 'token.revoke', { id })
    return { ok: true }
  },
})

export const rotateToken = route({
  method: 'POST',
  path: '/tokens/:id/rotate',
  summary: 'Give an issued token another secret; the one before is refused from now on',
  access: { auth: 'host' },
  reply: ok(issuedToken),
  fails: ['token_not_found', 'token_store_unusable'],
  handle: async ({ params: { id }, caller }, services) => {
    const rotated = await services.tokens.rotate(id)
    await recordCredential(services, caller, 'token.rotate', rotated)
    return rotated
  },
})
