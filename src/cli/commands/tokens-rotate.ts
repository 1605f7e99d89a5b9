import { defineCommand } from '../kit/define.ts'
import { connect, hostFlags } from '../server-connection.ts'

export const tokensRotate = defineCommand({
  path: 'tokens rotate',
  summary: 'Give a token another secret, and show it this once',
  description: 'The secret before is refused from now on. Scope, label and deadline stay.',
  args: { id: { summary: 'Token id, from `openwork tokens list`' } },
  flags: hostFlags,
  async run({ id, ...values }, context) {
    const { client } = await connect(values, context, { as: 'host' })
    const rotated = await client.rotateToken(id)
    context.output.result(rotated, rotated.token)
  },
})
