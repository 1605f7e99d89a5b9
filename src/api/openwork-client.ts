import type { z } from 'zod'
import type { ApprovalReplied, approvalEvents, ReceivedApproval } from './approvals.ts'
import type { ReceivedEvent } from './event-source.ts'
import type { Health } from './health.ts'
import type { OpenedPairing, PairingClaim, PairingInfo, PairingRequest } from './pairings.ts'
import { askServer, type OpenworkClientOptions } from './request.ts'
import type { RuntimeVersions, UpgradeStarted } from './runtime.ts'
import type { Status } from './status.ts'
import type { IssuedToken, TokenInfo, TokenRequest } from './tokens.ts'
import type { Actor } from './whoami.ts'
import type { Workspace } from './workspaces.ts'

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

// The schemas of one group of routes, when one of them is called: a command calls one or two, and loading all would take
// longer than the call.
const approvals = () => import('./approvals.ts')
const pairings = () => import('./pairings.ts')
const runtime = () => import('./runtime.ts')
const tokens = () => import('./tokens.ts')

export function openworkClient(options: OpenworkClientOptions): OpenworkClient {
  const call = <Result>(
    method: string,
    path: string,
    reply: () => Promise<z.ZodType<Result>>,
    body?: unknown,
  ): Promise<Result> => askServer(options, { method, path, body }, reply)
  return {
    health: () => call('GET', '/health', async () => (await import('./health.ts')).health),
    status: () => call('GET', '/status', async () => (await import('./status.ts')).status),
    whoami: async () => (await call('GET', '/whoami', async () => (await import('./whoami.ts')).whoami)).actor,
    workspaces: async () => {
      const reply = async () => (await import('./workspaces.ts')).workspaceList
      const { items, activeId } = await call('GET', '/workspaces', reply)
      return { items, activeId }
    },
    listTokens: async () => (await call('GET', '/tokens', async () => (await tokens()).tokenList)).items,
    createToken: body => call('POST', '/tokens', async () => (await tokens()).issuedToken, body),
    revokeToken: async id => {
      await call('DELETE', `/tokens/${encodeURIComponent(id)}`, async () => (await tokens()).tokenRevoked)
    },
    rotateToken: id =>
      call('POST', `/tokens/${encodeURIComponent(id)}/rotate`, async () => (await tokens()).issuedToken),
    openPairing: body => call('POST', '/pairings', async () => (await pairings()).openedPairing, body),
    listPairings: async () => (await call('GET', '/pairings', async () => (await pairings()).pairingList)).items,
    cancelPairing: async id => {
      await call('DELETE', `/pairings/${encodeURIComponent(id)}`, async () => (await pairings()).pairingCancelled)
    },
    claimPairing: body => call('POST', '/pairings/claim', async () => (await tokens()).issuedToken, body),
    runtimeVersions: () => call('GET', '/runtime/versions', async () => (await runtime()).runtimeVersions),
    upgradeRuntime: () => call('POST', '/runtime/upgrade', async () => (await runtime()).upgradeStarted, {}),
    listApprovals: async () =>
      (await call('GET', '/approvals', async () => (await approvals()).receivedApprovalList)).items,
    replyApproval: (id, reply) =>
      call('POST', `/approvals/${encodeURIComponent(id)}`, async () => (await approvals()).receivedApprovalReplied, {
        reply,
      }),
    async *watchApprovals(signal) {
      const [{ receiveEvents }, { approvalEvents }] = await Promise.all([import('./event-source.ts'), approvals()])
      yield* receiveEvents(options, '/approvals/events', approvalEvents, signal)
    },
  }
}
