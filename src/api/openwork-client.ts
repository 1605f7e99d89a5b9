import type { z } from 'zod'
import {
  type ApprovalReplied,
  approvalEvents,
  type ReceivedApproval,
  receivedApprovalList,
  receivedApprovalReplied,
} from './approvals.ts'
import { type ReceivedEvent, receiveEvents } from './event-source.ts'
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
import { askServer, type OpenworkClientOptions } from './request.ts'
import { type RuntimeVersions, runtimeVersions, type UpgradeStarted, upgradeStarted } from './runtime.ts'
import { type Status, status } from './status.ts'
import { type IssuedToken, issuedToken, type TokenInfo, type TokenRequest, tokenList, tokenRevoked } from './tokens.ts'
import { type Actor, whoami } from './whoami.ts'
import { type Workspace, workspaceList } from './workspaces.ts'

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
  /** What runs on the server's host, and how far its newest upgrade is. */
  runtimeVersions(): Promise<RuntimeVersions>
  /** Begins to renew the services of the server's host, this server among them. */
  upgradeRuntime(): Promise<UpgradeStarted>
  /** What waits, oldest first. */
  listApprovals(): Promise<ReceivedApproval[]>
  replyApproval(id: string, reply: 'allow' | 'deny'): Promise<ApprovalReplied>
  /** What waits, then what is added and resolved, until `signal` is aborted; a server that ends is `server_unreachable`. */
  watchApprovals(signal: AbortSignal): AsyncGenerator<ReceivedEvent<typeof approvalEvents>>
}

export function openworkClient(options: OpenworkClientOptions): OpenworkClient {
  const call = <Result>(method: string, path: string, reply: z.ZodType<Result>, body?: unknown): Promise<Result> =>
    askServer(options, { method, path, body }, reply)
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
    runtimeVersions: () => call('GET', '/runtime/versions', runtimeVersions),
    upgradeRuntime: () => call('POST', '/runtime/upgrade', upgradeStarted, {}),
    listApprovals: async () => (await call('GET', '/approvals', receivedApprovalList)).items,
    replyApproval: (id, reply) =>
      call('POST', `/approvals/${encodeURIComponent(id)}`, receivedApprovalReplied, { reply }),
    watchApprovals: signal => receiveEvents(options, '/approvals/events', approvalEvents, signal),
  }
}
