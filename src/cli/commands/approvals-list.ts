import type { ApprovalRequest, approvalEvents } from '../../api/approvals.ts'
import type { ReceivedEvent } from '../../api/event-source.ts'
import type { OpenworkClient } from '../../api/openwork-client.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { connect, hostFlags } from '../server-connection.ts'

export const approvalsList = defineCommand({
  path: 'approvals list',
  summary: 'Changes of remote clients that wait for a yes',
  description:
    'Prints the answer of the server, JSON. With --watch it goes on: a line for each change that waits or is added, and ' +
    'for each that is allowed, denied, timed out or withdrawn. With --json these lines are JSON too: ' +
    '{"event": "snapshot"|"added"|"resolved", "data": …}.',
  jsonText: 'Print JSON on stdout: one document; with --watch one on each line',
  examples: [
    { command: 'openwork approvals list', does: 'what waits on the host of this machine' },
    { command: 'openwork approvals list --watch', does: 'and what comes' },
  ],
  flags: {
    ...hostFlags,
    watch: bool({ perCall: true, default: false, summary: 'Go on, with a line for everything that happens' }),
  },
  async run({ watch, ...values }, context) {
    const { client } = await connect(values, context, { as: 'host' })
    if (watch) return watchApprovals(client, context)
    const document = { items: await client.listApprovals() }
    context.output.result(document, JSON.stringify(document, null, 2))
  },
})

/** Ends only by a failure, or when nobody reads its lines any more. */
async function watchApprovals(client: OpenworkClient, { output, stdout }: Context): Promise<void> {
  const unread = new AbortController()
  stdout.once('error', () => unread.abort())
  for await (const happening of client.watchApprovals(unread.signal)) {
    const lines = linesOf(happening)
    if (happening.event === 'snapshot' && lines.length === 0) output.note('Nothing waits.')
    output.item({ event: happening.event, data: happening.data }, lines.join('\n'))
  }
}

type Happening = ReceivedEvent<typeof approvalEvents>

function linesOf(happening: Happening): string[] {
  switch (happening.event) {
    case 'snapshot':
      return happening.data.items.map(waitingLine)
    case 'added':
      return [waitingLine(happening.data)]
    case 'resolved':
      return [`${happening.data.outcome.padEnd(7)}  ${happening.data.id}`]
  }
}

const waitingLine = ({ id, action, summary }: ApprovalRequest): string =>
  onOneLine(`waits    ${id}  ${action}  ${summary}`)
