import type { ApprovalAction } from '../api/approvals.ts'
import type { Workspace } from '../api/workspaces.ts'
import type { Call } from '../http/route.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Caller } from './admission.ts'
import { requesterGone } from './approvals.ts'
import type { AuditNote } from './audit.ts'
import type { Services } from './services.ts'

/** What the host is asked. `ask: false`: nothing, this kind of change never waits. */
type Question =
  | {
      ask?: true
      action: ApprovalAction
      summary: string
      paths: readonly string[]
      /** Throws when what the request rests on besides its credential and workspace is gone by now: a file session. */
      recheck?: () => unknown
    }
  | { ask: false }

type Asking = Pick<Call<Caller>, 'caller' | 'signal' | 'keepOpen' | 'stillAdmitted'>

/**
 * Makes a change that was validated before: asks the host where that is wanted, runs the effect once, records it. The
 * effect is not run when by then the requester has left, or would be refused: a yes of the host gives nobody a right
 * that was taken from them meanwhile. Throws `write_denied` (details `requestId`, `reason`), `too_many_approvals`,
 * `requester_gone`, what such a request is refused with, and what the effect throws.
 */
export async function change<Result>(
  services: Pick<Services, 'approvals' | 'audit' | 'workspaces'>,
  asking: Asking,
  workspace: Workspace,
  question: Question,
  effect: () => Promise<{ result: Result; audit: readonly AuditNote[] }>,
): Promise<Result> {
  const { caller, signal } = asking
  if (question.ask !== false) await allow(services, asking, workspace, question)
  if (signal.aborted) throw requesterGone()
  const { result, audit: notes } = await effect()
  await services.audit.record(workspace.id, caller.actor, notes)
  return result
}

async function allow(
  { approvals, audit, workspaces }: Pick<Services, 'approvals' | 'audit' | 'workspaces'>,
  { caller, signal, keepOpen, stillAdmitted }: Asking,
  workspace: Workspace,
  { action, summary, paths, recheck }: Exclude<Question, { ask: false }>,
): Promise<void> {
  keepOpen() // the host may take its time
  const { actor } = caller
  const requestId = await approvals.ask({ workspaceId: workspace.id, action, summary, paths, actor }, signal)
  try {
    await stillAdmitted()
    // Another folder may have the id by now; the host was asked about this one.
    if (workspaces.require(workspace.id).path !== workspace.path)
      throw new OpenworkError('workspace_not_found', `Workspace "${workspace.id}" is another folder now`)
    recheck?.()
  } catch (refusal) {
    if (requestId !== undefined)
      await audit.record(workspace.id, actor, [{ action: 'approval.void', target: requestId, summary }])
    throw refusal
  }
}

/** What `change` may throw beyond what the effect does; for a route's `fails`. */
export const CHANGE_FAILS = ['write_denied', 'too_many_approvals', 'requester_gone'] as const
