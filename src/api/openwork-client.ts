import type { z } from 'zod'
import { FAILURES, type FailureCode, OpenworkError } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import { reveal, type Secret } from '../shared/secret.ts'
import { type FailureBody, failureBody } from './failure.ts'
import { type Health, health } from './health.ts'
import {
  type OpenedPairing,
  openedPairing,
  type PairingClaim,
  type PairingInfo,
  type PairingRequest,
  pairingCancelled,
  pairingList,
} from './pairings.ts'
import { type Status, status } from './status.ts'
import { type IssuedToken, issuedToken, type TokenInfo, type TokenRequest, tokenList, tokenRevoked } from './tokens.ts'
import { type Actor, whoami } from './whoami.ts'
import { type Workspace, workspaceList } from './workspaces.ts'

export type OpenworkClientOptions = {
  /** `http://host:port`, a path of a reverse proxy kept, or a workspace's mount `…/w/<id>`. */
  baseUrl: string
  /** Sent as bearer. */
  token?: string | Secret
  /** Sent as `X-OpenWork-Host-Token`. */
  hostToken?: string | Secret
  /** Limit of one call, its body included. */
  timeoutMs: number
}

/**
 * Calls of an openwork-server. Every call throws an `OpenworkError`: with the server's own code where we know it, else
 * `request_refused` (`details`: `status`, the server's `code` and `details`); `server_unreachable`
 * when nobody answers in time; `server_invalid_answer` for what no openwork-server says.
 */
export type OpenworkClient = {
  health(): Promise<Health>
  status(): Promise<Status>
  whoami(): Promise<Actor>
  /** The active workspace is the first item. */
  workspaces(): Promise<{ items: Workspace[]; activeId: string | null }>
  listTokens(): Promise<TokenInfo[]>
  createToken(request: TokenRequest): Promise<IssuedToken>
  revokeToken(id: string): Promise<void>
  /** The same token with another secret. */
  rotateToken(id: string): Promise<IssuedToken>
  openPairing(request: Partial<PairingRequest>): Promise<OpenedPairing>
  listPairings(): Promise<PairingInfo[]>
  cancelPairing(id: string): Promise<void>
  /** Needs no credential but the code. */
  claimPairing(claim: PairingClaim): Promise<IssuedToken>
}

export function openworkClient(options: OpenworkClientOptions): OpenworkClient {
  const call = <Result>(method: string, path: string, reply: z.ZodType<Result>, body?: unknown): Promise<Result> =>
    request(options, { method, path, body }, reply)
  return {
    health: () => call('GET', '/health', health),
    status: () => call('GET', '/status', status),
    whoami: async () => (await call('GET', '/whoami', whoami)).actor,
    workspaces: async () => {
      const { items, activeId } = await call('GET', '/workspaces', workspaceList)
      return { items, activeId }
    },
    listTokens: async () => (await call('GET', '/tokens', tokenList)).items,
    createToken: body => call('POST', '/tokens', issuedToken, body),
    revokeToken: async id => {
      await call('DELETE', `/tokens/${encodeURIComponent(id)}`, tokenRevoked)
    },
    rotateToken: id => call('POST', `/tokens/${encodeURIComponent(id)}/rotate`, issuedToken),
    openPairing: body => call('POST', '/pairings', openedPairing, body),
    listPairings: async () => (await call('GET', '/pairings', pairingList)).items,
    cancelPairing: async id => {
      await call('DELETE', `/pairings/${encodeURIComponent(id)}`, pairingCancelled)
    },
    claimPairing: body => call('POST', '/pairings/claim', issuedToken, body),
  }
}

type Ask = { method: string; path: string; body: unknown }

async function request<Result>(options: OpenworkClientOptions, ask: Ask, reply: z.ZodType<Result>): Promise<Result> {
  const url = `${options.baseUrl.replace(/\/+$/, '')}${ask.path}`
  const { status: httpStatus, text } = await exchange(url, options, ask)
  const json = parseOrUndefined(text)
  if (httpStatus < 200 || httpStatus >= 300) throw refusal(url, httpStatus, failureBody.safeParse(json).data)
  const parsed = reply.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new OpenworkError('server_invalid_answer', `${url} gave no answer of an openwork-server`, {
    hint: 'Check the URL: something else may listen there',
    details: { url, status: httpStatus, issue: issue && `${issue.path.join('.')}: ${issue.message}` },
  })
}

async function exchange(
  url: string,
  { token, hostToken, timeoutMs }: OpenworkClientOptions,
  { method, body }: Ask,
): Promise<{ status: number; text: string }> {
  if (!URL.canParse(url) || !/^https?:/i.test(url))
    throw new OpenworkError('invalid_value', `"${url}" is not an http or https URL`)
  const init: RequestInit = {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${reveal(token)}` }),
      ...(hostToken !== undefined && { 'x-openwork-host-token': reveal(hostToken) }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // A credential goes to the server it was meant for, not where that one points.
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  }
  try {
    const response = await fetch(url, { ...init, ...fetchRoute(url) })
    return { status: response.status, text: await response.text() }
  } catch (cause) {
    const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError'
    const reason = timedOut
      ? `no answer within ${timeoutMs} ms`
      : cause instanceof Error
        ? cause.message
        : String(cause)
    throw new OpenworkError('server_unreachable', `Cannot reach ${url}: ${reason}`, {
      hint: 'See whether the host runs: openwork status',
      cause,
      details: { url },
    })
  }
}

function refusal(url: string, httpStatus: number, failure: FailureBody | undefined): OpenworkError {
  const details = { url, status: httpStatus, ...(failure && { code: failure.code, details: failure.details }) }
  const message = failure?.message ?? `${url} answered with status ${httpStatus}`
  const code = failure && isFailureCode(failure.code) ? failure.code : 'request_refused'
  return new OpenworkError(code, message, { details })
}

const isFailureCode = (code: string): code is FailureCode => Object.hasOwn(FAILURES, code)

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // told apart by the caller: a refusal needs no JSON, an answer does
  }
}
