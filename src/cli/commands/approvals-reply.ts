import { OpenworkError } from '../../shared/errors.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { connect, hostFlags } from '../server-connection.ts'

export const approvalsReply = defineCommand({
  path: 'approvals reply',
  summary: 'Allow or deny a change that waits',
  description: 'Prints the answer of the server, JSON.',
  examples: [{ command: 'openwork approvals reply <id> --allow', does: 'let it be made' }],
  args: { id: { summary: 'Approval id, from `openwork approvals list`' } },
  flags: {
    ...hostFlags,
    allow: bool({ perCall: true, default: false, summary: 'Let the change be made' }),
    deny: bool({ perCall: true, default: false, summary: 'Refuse it' }),
  },
  async run({ id, allow, deny, ...values }, context) {
    if (allow === deny)
      throw new OpenworkError('flags_conflict', 'Exactly one of --allow and --deny is needed', {
        hint: 'Pass the one you mean.',
      })
    const { client } = await connect(values, context, { as: 'host' })
    const answer = await client.replyApproval(id, allow ? 'allow' : 'deny')
    context.output.result(answer, JSON.stringify(answer, null, 2))
  },
})
