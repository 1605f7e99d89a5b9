import { defineCommand } from '../kit/define.ts'
import { connect, hostFlags } from '../server-connection.ts'

export const tokensRevoke = defineCommand({
  path: 'tokens revoke',
  summary: 'Take a token back: whoever holds it is refused from now on',
  args: { id: { summary: 'Token id, from `openwork tokens list`' } },
  flags: hostFlags,
  async run({ id, ...values }, context) {
    const { client } = await connect(values, context, { as: 'host' })
    await client.revokeToken(id)
    context.output.result({ ok: true, id }, `Revoked ${id}`)
  },
})
