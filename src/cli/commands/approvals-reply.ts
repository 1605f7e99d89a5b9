import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { askSelect, canAsk } from '../prompts/prompts.ts'
import { connect, hostFlags } from '../server-connection.ts'

export const approvalsReply = defineCommand({
  path: 'approvals reply',
  summary: 'Allow or deny a change that waits',
  description: 'Prints the answer of the server, JSON.',
  examples: [{ command: 'openwork approvals reply <id> --allow', does: 'let it be made' }],
  args: {
    id: {
      summary: 'Approval id, from `openwork approvals list`; in a terminal it may be chosen',
      ask: askApproval,
    },
  },
  flags: {
    ...hostFlags,
    allow: bool({ perCall: true, default: false, summary: 'Let the change be made' }),
    deny: bool({ perCall: true, default: false, summary: 'Refuse it' }),
  },
  async run({ id, allow, deny, ...values }, context) {
    if (!allow && !deny && canAsk(context)) return await reply(id, await askReply(context), values, context)
    if (allow === deny)
      throw new OpenworkError('flags_conflict', 'Exactly one of --allow and --deny is needed', {
        hint: 'Pass the one you mean.',
      })
    return await reply(id, allow ? 'allow' : 'deny', values, context)
  },
})

type Connection = Parameters<typeof connect>[0]

async function reply(id: string, decision: 'allow' | 'deny', values: Connection, context: Context): Promise<void> {
  const { client } = await connect(values, context, { as: 'host' })
  const answer = await client.replyApproval(id, decision)
  context.output.result(answer, JSON.stringify(answer, null, 2))
}

const askReply = (context: Context): Promise<'allow' | 'deny'> =>
  askSelect(
    'What is to become of it?',
    [
      { value: 'deny', label: 'Refuse it' },
      { value: 'allow', label: 'Let the change be made' },
    ],
    context,
  )

/** @throws OpenworkError approval_not_found when none waits */
async function askApproval(values: Readonly<Record<string, unknown>>, context: Context): Promise<string | undefined> {
  if (!canAsk(context)) return undefined
  // Its flags are those of this command.
  const { client } = await connect(values as Connection, context, { as: 'host' })
  const waiting = await client.listApprovals()
  if (waiting.length === 0)
    throw new OpenworkError('approval_not_found', 'No change waits for an answer', {
      hint: '`openwork approvals list --watch` shows those that come.',
    })
  const choices = waiting.map(({ id, action, summary }) => ({ value: id, label: `${action}  ${summary}`, hint: id }))
  return await askSelect('Which change?', choices, context)
}
