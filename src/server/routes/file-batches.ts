import {
  MAX_BATCH_BYTES,
  operationsReply,
  operationsRequest,
  readBatchReply,
  readBatchRequest,
  writeBatchReply,
  writeBatchRequest,
} from '../../api/files.ts'
import { ok } from '../../http/route.ts'
import type { AuditNote } from '../audit.ts'
import { CHANGE_FAILS, change } from '../change.ts'
import { targetIn } from '../files/file-target.ts'
import { applyOperations, describeOperation, planOperations } from '../files/operations.ts'
import { readBatch } from '../files/read-batch.ts'
import { requireSession, requireWritableSession, SESSION_FAILS } from '../files/require-session.ts'
import { requireFolder } from '../files/safe-path.ts'
import { applyWrites, planWrites } from '../files/write-batch.ts'
import { route } from '../services.ts'

/** Base64 of a full batch, with room for its paths and revisions. */
const MAX_WRITE_BODY_BYTES = Math.ceil(MAX_BATCH_BYTES / 3) * 4 + 1024 * 1024

const BATCH_FAILS = [
  'invalid_json',
  'invalid_payload',
  'invalid_path',
  'body_too_large',
  'workspace_not_a_folder',
  ...SESSION_FAILS,
] as const

export const readFiles = route({
  method: 'POST',
  path: '/files/sessions/:sessionId/read-batch',
  summary: 'Read files',
  access: { auth: 'client' },
  body: readBatchRequest,
  reply: ok(readBatchReply),
  fails: BATCH_FAILS,
  handle: async (call, services) => {
    const { workspace } = requireSession(services, call)
    return { items: await readBatch(requireFolder(workspace), call.body.paths) }
  },
})

export const writeFiles = route({
  method: 'POST',
  path: '/files/sessions/:sessionId/write-batch',
  summary: 'Write files; each replaced in one step, or not at all',
  access: { auth: 'client', scope: 'collaborator', writes: true },
  body: writeBatchRequest,
  maxBodyBytes: MAX_WRITE_BODY_BYTES,
  reply: ok(writeBatchReply),
  fails: [...BATCH_FAILS, 'batch_too_large', 'too_many_writes', ...CHANGE_FAILS],
  handle: async (call, services) => {
    const { workspace } = requireWritableSession(services, call)
    const plans = await planWrites(requireFolder(workspace), call.body.writes)
    const accepted = plans.filter(({ refusal }) => !refusal)
    if (accepted.length === 0)
      return { items: plans.flatMap(({ refusal }) => refusal ?? []), cursor: services.fileIndexes.of(workspace).cursor }
    const action = 'workspace.files.session.write'
    const question = {
      action,
      summary: summaryOf(
        'Write',
        accepted.map(({ path }) => path),
      ),
      paths: accepted.map(({ absolute }) => absolute),
      recheck: () => requireWritableSession(services, call),
    } as const
    const effect = async () => {
      const items = await applyWrites(services.fileChanges, targetIn(services, workspace), plans)
      const notes = items.flatMap((item, index): AuditNote[] =>
        item.ok ? [{ action, target: plans[index]?.absolute ?? '', summary: `Wrote ${item.path}` }] : [],
      )
      return { result: items, audit: notes }
    }
    const items = await services.batchMemory.holding(sum(plans.map(({ bytes }) => bytes.length)), () =>
      change(services, call, workspace, question, effect),
    )
    return { items, cursor: services.fileIndexes.of(workspace).cursor }
  },
})

export const changeFiles = route({
  method: 'POST',
  path: '/files/sessions/:sessionId/ops',
  summary: 'Make folders, delete and rename; in order, each on its own',
  access: { auth: 'client', scope: 'collaborator', writes: true },
  body: operationsRequest,
  reply: ok(operationsReply),
  fails: [...BATCH_FAILS, ...CHANGE_FAILS],
  handle: async (call, services) => {
    const { workspace } = requireWritableSession(services, call)
    const plans = await planOperations(requireFolder(workspace), call.body.operations)
    const action = 'workspace.files.session.ops'
    const paths = plans.flatMap(({ absolute }) => absolute)
    // Nothing that is known is asked for: all items will say so.
    const question =
      paths.length === 0
        ? ({ ask: false } as const)
        : ({
            action,
            summary: summaryOf('Change', plans.map(describeOperation)),
            paths,
            recheck: () => requireWritableSession(services, call),
          } as const)
    const items = await change(services, call, workspace, question, async () => {
      const items = await applyOperations(services.fileChanges, targetIn(services, workspace), plans)
      const notes = plans.flatMap((plan, index): AuditNote[] =>
        items[index]?.ok ? [{ action, target: plan.absolute.join(' -> '), summary: describeOperation(plan) }] : [],
      )
      return { result: items, audit: notes }
    })
    return { items, cursor: services.fileIndexes.of(workspace).cursor }
  },
})

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** How many names a summary spells out. */
const NAMED = 5

function summaryOf(verb: string, names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  return `${verb}: ${names.slice(0, NAMED).join(', ')}${more}`
}
