import { approvalEvents, approvalList, approvalReplied, approvalReply } from '../../api/approvals.ts'
import type { ServerEvent } from '../../http/event-stream.ts'
import { ok } from '../../http/route.ts'
import type { Approvals } from '../approvals.ts'
import { eventRoute, route } from '../services.ts'

export const listApprovals = route({
  method: 'GET',
  path: '/approvals',
  summary: 'Changes that wait for a yes, oldest first',
  access: { auth: 'host' },
  reply: ok(approvalList),
  fails: [],
  handle: (_call, { approvals }) => ({ items: approvals.list() }),
})

/** Allowed in read-only mode, where nothing waits. */
export const replyApproval = route({
  method: 'POST',
  path: '/approvals/:id',
  summary: 'Allow or deny a change that waits',
  access: { auth: 'host' },
  body: approvalReply,
  reply: ok(approvalReplied),
  fails: ['invalid_json', 'invalid_payload', 'approval_not_found'],
  handle: ({ params: { id }, body, caller }, { approvals }) => {
    approvals.reply(id, body.reply, caller.actor)
    return { ok: true, allowed: body.reply === 'allow' }
  },
})

export const watchApprovals = eventRoute({
  method: 'GET',
  path: '/approvals/events',
  summary: 'What waits now, then what is added and resolved',
  access: { auth: 'host' },
  events: approvalEvents,
  fails: [],
  handle: ({ signal }, { approvals }) => approvalsFeed(approvals, signal),
})

async function* approvalsFeed(approvals: Approvals, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  // In this order, in one go: nothing is missed in between.
  const changes = approvals.listen(signal)
  yield { event: 'snapshot', data: { items: approvals.list() } }
  for await (const change of changes) yield change
}
