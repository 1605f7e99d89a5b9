import type { ApprovalAction } from '../api/approvals.ts'
import type { Workspace } from '../api/workspaces.ts'
import type { Call } from '../http/route.ts'
import type { Caller } from './admission.ts'
import { requesterGone } from './approvals.ts'
import type { AuditNote } from './audit.ts'
import type { Services } from './services.ts'

/** What the host is asked. `ask: false`: nothing, this kind of change never waits. */
type Question = { ask?: true; action: ApprovalAction; summary: string; paths: readonly string[] } | { ask: false }

/**
 * Makes a change that was validated before: asks the host where that is wanted, runs the effect once, records it. The
 * effect is not run when the requester has left by then. Throws `write_denied` (details `requestId`, `reason`),
 * `too_many_approvals`, `requester_gone`, and what the effect throws.
 */
export async function change<Result>(
  { approvals, audit }: Pick<Services, 'approvals' | 'audit'>,
  { caller, signal, keepOpen }: Pick<Call<Caller>, 'caller' | 'signal' | 'keepOpen'>,
  workspace: Workspace,
  question: Question,
  effect: () => Promise<{ result: Result; audit: readonly AuditNote[] }>,
): Promise<Result> {
  if (question.ask !== false) {
    const { action, summary, paths } = question
    keepOpen() // the host may take its time
    await approvals.ask({ workspaceId: workspace.id, action, summary, paths, actor: caller.actor }, signal)
  }
  if (signal.aborted) throw requesterGone()
  const { result, audit: notes } = await effect()
  await audit.record(workspace.id, caller.actor, notes)
  return result
}

/** What `change` may throw beyond what the effect does; for a route's `fails`. */
export const CHANGE_FAILS = ['write_denied', 'too_many_approvals', 'requester_gone'] as const
