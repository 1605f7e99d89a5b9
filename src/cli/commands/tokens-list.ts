import type { TokenInfo } from '../../api/tokens.ts'
import { ago } from '../ago.ts'
import { defineCommand } from '../kit/define.ts'
import { connect, hostFlags } from '../server-connection.ts'
import { renderTable } from '../text-table.ts'

export const tokensList = defineCommand({
  path: 'tokens list',
  summary: 'The tokens and paired devices of a host, newest first',
  examples: [{ command: 'openwork tokens list', does: 'who can reach the host on this machine' }],
  flags: hostFlags,
  async run(values, context) {
    const { client } = await connect(values, context, { as: 'host' })
    const items = await client.listTokens()
    context.output.result({ items }, () => (items.length === 0 ? 'No tokens' : renderTokens(items, Date.now())))
  },
})

const renderTokens = (items: readonly TokenInfo[], nowMs: number): string =>
  renderTable(
    ['ID', 'KIND', 'SCOPE', 'LABEL', 'CREATED', 'LAST SEEN', 'EXPIRES'],
    items.map(({ id, kind, scope, label, createdAt, lastSeenAt, expiresAt }) => [
      id,
      kind,
      scope,
      label ?? '',
      ago(createdAt, nowMs),
      lastSeenAt === undefined ? 'never' : ago(lastSeenAt, nowMs),
      expiresAt === undefined ? 'never' : new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' '),
    ]),
  )
