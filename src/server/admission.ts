import { SCOPES, type Scope } from '../api/tokens.ts'
import type { Actor } from '../api/whoami.ts'
import type { Exchange } from '../http/exchange.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Attempts } from './attempts.ts'
import { type KnownSecret, sha256Hex } from './digest.ts'
import type { TokenStore } from './token-store.ts'

/** Whom a route lets in. */
export type Access = {
  /** `client`: any token, or the host token. `host`: the host token, or a token of scope owner. */
  auth: 'none' | 'client' | 'host'
  /** The least scope of a client route; viewer when left out. */
  scope?: Scope
  /** Refused in read-only mode. */
  writes?: boolean
}

export type Caller = {
  scope: Scope
  actor: Actor
}

/** What routes without authentication get. */
const NOBODY: Caller = { scope: 'viewer', actor: { type: 'remote' } }

type Admission = {
  clientToken: KnownSecret
  hostToken: KnownSecret
  tokens: TokenStore
  attempts: Attempts
  readOnly: boolean
}

/**
 * Who calls, if the route lets them in. In this order: `too_many_attempts`, `unauthorized`, `read_only`, `forbidden`.
 * A wrong host token is no failure as long as the bearer token is right.
 */
export async function admit(access: Access, exchange: Exchange, by: Admission): Promise<Caller> {
  if (access.auth === 'none') return NOBODY
  exchange.auth = access.auth
  const caller = await identify(exchange, by)
  if (!caller || (access.auth === 'host' && caller.scope !== 'owner'))
    throw new OpenworkError(
      'unauthorized',
      access.auth === 'host' ? 'The host token is required' : 'A token is required',
    )
  if (caller.actor.type === 'host') exchange.auth = 'host'
  if (access.writes && by.readOnly) throw new OpenworkError('read_only', 'This server is read-only')
  requireScope(caller, access.scope ?? 'viewer')
  return caller
}

/** Throws `forbidden` when the caller's scope is below `required`. */
export function requireScope({ scope }: Caller, required: Scope): void {
  if (SCOPES.indexOf(scope) >= SCOPES.indexOf(required)) return
  throw new OpenworkError('forbidden', `This needs the scope ${required}`, { details: { required, scope } })
}

async function identify(exchange: Exchange, by: Admission): Promise<Caller | undefined> {
  const hostToken = exchange.header('x-openwork-host-token')?.trim()
  const bearer = bearerToken(exchange.header('authorization'))
  if (!hostToken && !bearer) return undefined

  const { address } = exchange
  const presented = [hostToken, bearer].map(token => (token ? sha256Hex(token) : ''))
  const [hostHash = '', bearerHash = ''] = presented
  const pair = hostHash + bearerHash
  by.attempts.check(address, pair, Date.now())
  const scope = await scopeOf(hostHash, bearerHash, by)
  if (!scope) {
    by.attempts.failed(address, Date.now())
    return undefined
  }
  by.attempts.succeeded(address, pair)
  const clientId = exchange.header('x-openwork-client-id')?.trim()
  const isHost = scope === 'host'
  return {
    scope: isHost ? 'owner' : scope,
    actor: {
      type: isHost ? 'host' : 'remote',
      ...(clientId && { clientId }),
      tokenHash: isHost ? hostHash : bearerHash,
      scope: isHost ? 'owner' : scope,
    },
  }
}

async function scopeOf(hostHash: string, bearerHash: string, by: Admission): Promise<Scope | 'host' | undefined> {
  if (hostHash && by.hostToken.matches(hostHash)) return 'host'
  if (!bearerHash) return undefined
  if (by.clientToken.matches(bearerHash)) return 'collaborator'
  return (await by.tokens.find(bearerHash))?.scope
}

const bearerToken = (authorization: string | null): string | undefined =>
  authorization ? /^bearer\s+(\S+)\s*$/i.exec(authorization)?.[1] : undefined
