import type { State } from '../state.ts'
import { harmless, type Line, span } from '../text.ts'
import { note } from './approvals.ts'
import { type Column, table } from './table.ts'

type Identity = NonNullable<NonNullable<State['snapshot']>['router']>['identities'][number]

const COLUMNS: Column<Identity>[] = [
  { title: 'CHANNEL', width: 10, drop: 0, text: ({ channel }) => harmless(channel) },
  { title: 'IDENTITY', width: 16, drop: 0, text: ({ id }) => harmless(id) },
  { title: 'STATE', width: 12, drop: 1, text: ({ state }) => harmless(state) },
  { title: 'NOTE', width: 10, grows: true, drop: 2, text: ({ note }) => harmless(note ?? '') },
]

export function routerView({ snapshot, size }: State, rows: number): Line[] {
  const router = snapshot?.router
  if (!router) return note('Telegram and Slack are not set up.')
  if (!router.enabled) return note('The router is switched off.')
  if (router.identities.length === 0) return note('The router runs, without an identity yet.')
  const { heading, lines } = table(router.identities, COLUMNS, { width: size.columns, selected: () => false })
  return [[span('  ROUTER', { dim: true })], heading, ...lines].slice(0, rows)
}
