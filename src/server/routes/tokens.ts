import { issuedToken, tokenList, tokenRequest, tokenRevoked } from '../../api/tokens.ts'
import { created, ok } from '../../http/route.ts'
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
  handle: ({ body }, { tokens }) => tokens.issue(body),
})

export const revokeToken = route({
  method: 'DELETE',
  path: '/tokens/:id',
  summary: 'Revoke an issued token',
  access: { auth: 'host' },
  reply: ok(tokenRevoked),
  fails: ['token_not_found', 'token_store_unusable'],
  handle: async ({ params: { id } }, { tokens }) => {
    await tokens.revoke(id)
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
  handle: ({ params: { id } }, { tokens }) => tokens.rotate(id),
})
