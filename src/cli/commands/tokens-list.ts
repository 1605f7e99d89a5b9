import type { TokenInfo } from '../../api/tokens.ts'
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

/** `just now`, `5 min ago`, `3 h ago`, `12 days ago`. */
function ago(thenMs: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - thenMs) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 120) return `${minutes} min ago`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`
  return `${Math.floor(minutes / (24 * 60))} days ago`
}
