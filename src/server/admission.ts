import { SCOPES, type Scope } from '../api/tokens.ts'
import type { Actor } from '../api/whoami.ts'
import type { Exchange } from '../http/exchange.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Attempts, From } from './attempts.ts'
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
  /** Whatever they say of themselves. */
  from: From
}

/** What routes without authentication get. */
const NOBODY = { scope: 'viewer', actor: { type: 'remote' } } as const

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
export function admit(access: Access, exchange: Exchange, by: Admission): Caller | Promise<Caller> {
  if (access.auth === 'none') return { ...NOBODY, from: exchange }
  exchange.auth = access.auth
  const presented = presentedBy(exchange)
  if (!presented) throw unauthorized(access)
  const identity = identify(presented, by)
  const judge = (identity: Identity): Caller => {
    if (!identity?.isUnguessable) by.attempts.check(exchange, presented.key, performance.now())
    if (!identity) by.attempts.failed(exchange, performance.now())
    else by.attempts.succeeded(exchange, presented.key, performance.now())
    const caller = identity && callerOf(identity, presented, exchange)
    if (!caller || (access.auth === 'host' && caller.scope !== 'owner')) throw unauthorized(access)
    if (caller.actor.type === 'host') exchange.auth = 'host'
    if (access.writes && by.readOnly) throw new OpenworkError('read_only', 'This server is read-only')
    requireScope(caller, access.scope ?? 'viewer')
    return caller
  }
  return identity instanceof Promise ? identity.then(judge) : judge(identity)
}

const unauthorized = ({ auth }: Access): OpenworkError =>
  new OpenworkError('unauthorized', auth === 'host' ? 'The host token is required' : 'A token is required')

/** Throws `forbidden` when the caller's scope is below `required`. */
export function requireScope({ scope }: Caller, required: Scope): void {
  if (SCOPES.indexOf(scope) >= SCOPES.indexOf(required)) return
  throw new OpenworkError('forbidden', `This needs the scope ${required}`, { details: { required, scope } })
}

/** The credentials of a request, as SHA-256 in hexadecimal; empty when absent. */
type Presented = {
  hostHash: string
  bearerHash: string
  /** Stands for both. */
  key: string
}

function presentedBy(exchange: Exchange): Presented | undefined {
  const hostToken = exchange.header('x-openwork-host-token')?.trim()
  const bearer = bearerToken(exchange.header('authorization'))
  if (!hostToken && !bearer) return undefined
  const hostHash = hostToken ? sha256Hex(hostToken) : ''
  const bearerHash = bearer ? sha256Hex(bearer) : ''
  return { hostHash, bearerHash, key: hostHash + bearerHash }
}

type Identity =
  | {
      as: Scope | 'host'
      /** Nobody finds it by trying: it need not wait because others fail from the same address, loopback above all. */
      isUnguessable: boolean
    }
  | undefined

function identify({ hostHash, bearerHash }: Presented, by: Admission): Identity | Promise<Identity> {
  const { hostToken, clientToken, tokens } = by
  if (hostHash && hostToken.matches(hostHash)) return { as: 'host', isUnguessable: hostToken.isUnguessable }
  if (!bearerHash) return undefined
  if (clientToken.matches(bearerHash)) return { as: 'collaborator', isUnguessable: clientToken.isUnguessable }
  return tokens.find(bearerHash).then(record => record && { as: record.scope, isUnguessable: true })
}

function callerOf({ as }: NonNullable<Identity>, { hostHash, bearerHash }: Presented, exchange: Exchange): Caller {
  const isHost = as === 'host'
  const scope = isHost ? 'owner' : as
  const clientId = exchange.header('x-openwork-client-id')?.trim()
  return {
    scope,
    actor: {
      type: isHost ? 'host' : 'remote',
      ...(clientId && { clientId }),
      tokenHash: isHost ? hostHash : bearerHash,
      scope,
    },
    from: exchange,
  }
}

const bearerToken = (authorization: string | null): string | undefined =>
  authorization ? /^bearer\s+(\S+)\s*$/i.exec(authorization)?.[1] : undefined
