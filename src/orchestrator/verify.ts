import { openworkClient } from '../api/openwork-client.ts'
import type { Workspace } from '../api/workspaces.ts'
import { OpenworkError } from '../shared/errors.ts'
import { type Secret, secret } from '../shared/secret.ts'
import type { HostPlan } from './plan.ts'

/** Owner tokens that starts make are labelled with this and their run id. */
const OWNER_LABEL = 'openwork start '

export type OwnerToken = { id: string; token: Secret }

/** `workspaceId`: the server's own, of a host that serves one. */
export type Verified = { owner: OwnerToken; serverVersion: string; workspaceId: string | undefined }

/**
 * That what answers is the server just started and nothing else: same version (an external one may have another), the
 * one workspace it is to serve, our opencode. Then the owner token of this run.
 * @throws OpenworkError server_verification_failed
 */
export async function verifyServer(
  plan: HostPlan,
  expected: { version: string; isExternal: boolean },
): Promise<Verified> {
  const client = openworkClient({ baseUrl: plan.server.baseUrl, token: plan.server.token, timeoutMs: 5_000 })
  const host = openworkClient({ baseUrl: plan.server.baseUrl, hostToken: plan.server.hostToken, timeoutMs: 5_000 })
  const [health, workspaces, owner] = await Promise.all([
    client.health(),
    client.workspaces(),
    host.createToken({ scope: 'owner', label: `${OWNER_LABEL}${plan.runId}` }),
  ])
  if (!expected.isExternal) expectSame('version', expected.version, health.version)
  const workspaceId = plan.serves === 'one' ? expectWorkspace(plan, workspaces.items) : undefined
  return { owner: { id: owner.id, token: secret(owner.token) }, serverVersion: health.version, workspaceId }
}

/** Its id. */
function expectWorkspace({ workspace, opencode }: HostPlan, items: readonly Workspace[]): string | undefined {
  const ours = items.find(({ path }) => path === workspace)
  expectSame('workspace', workspace, ours?.path)
  expectSame('opencode URL', opencode.baseUrl, ours?.opencode?.baseUrl)
  expectSame('opencode directory', workspace, ours?.opencode?.directory)
  const { username, password } = ours?.opencode ?? {}
  if (username !== opencode.username.reveal() || password !== opencode.password.reveal())
    throw verificationFailed('it holds other opencode credentials than it was given')
  return ours?.id
}

/** Takes back the owner tokens of earlier runs that could not do so themselves, because they were killed. */
export async function revokeLeftOwnerTokens({ server }: HostPlan, livingRunIds: ReadonlySet<string>): Promise<void> {
  const host = openworkClient({ baseUrl: server.baseUrl, hostToken: server.hostToken, timeoutMs: 5_000 })
  const tokens = await host.listTokens()
  const isLeft = (label = ''): boolean =>
    label.startsWith(OWNER_LABEL) && !livingRunIds.has(label.slice(OWNER_LABEL.length))
  for (const { id } of tokens.filter(({ scope, label }) => scope === 'owner' && isLeft(label)))
    await host.revokeToken(id)
}

/** Takes the owner token of a run back. The server may already be gone; then a later start does it. */
export async function revokeOwnerToken(plan: HostPlan, owner: OwnerToken): Promise<void> {
  const { baseUrl, hostToken } = plan.server
  try {
    await openworkClient({ baseUrl, hostToken, timeoutMs: 500 }).revokeToken(owner.id)
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
  }
}

function expectSame(what: string, expected: string, actual: string | undefined): void {
  if (actual !== expected) throw verificationFailed(`expected ${what} ${expected}, got ${actual ?? 'none'}`)
}

const verificationFailed = (why: string): OpenworkError =>
  new OpenworkError('server_verification_failed', `openwork-server answers, but ${why}`, {
    hint: 'Another program may be listening on that port: pass another --openwork-port.',
  })
