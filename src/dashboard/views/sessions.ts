import type { HostSession } from '../../api/host.ts'
import { ago } from '../format.ts'
import { placeOf, type State } from '../state.ts'
import { cutStart, harmless, type Line, type Style } from '../text.ts'
import { note } from './approvals.ts'
import { type Column, table, windowOf } from './table.ts'

const STATES: Record<HostSession['state'], { text: string; style: Style }> = {
  idle: { text: '○ idle', style: { dim: true } },
  busy: { text: '◐ busy', style: { color: 'yellow', bold: true } },
  waiting: { text: '? waiting', style: { color: 'red', bold: true } },
}

const columnsAt = (nowMs: number): Column<HostSession>[] => [
  {
    title: 'STATE',
    width: 9,
    drop: 0,
    text: ({ state }) => STATES[state].text,
    style: ({ state }) => STATES[state].style,
  },
  { title: 'TITLE', width: 16, grows: true, drop: 0, text: ({ title }) => harmless(title) || '(no title)' },
  {
    title: 'DIRECTORY',
    width: 20,
    grows: true,
    drop: 2,
    text: ({ directory }, width) => cutStart(harmless(directory), width),
  },
  { title: 'LAST', width: 8, side: 'right', drop: 1, text: ({ updatedAt }) => ago(nowMs - updatedAt) },
]

export function sessionsView({ snapshot, selected, nowMs, size }: State, rows: number): Line[] {
  const sessions = snapshot?.sessions
  if (!sessions) return note('opencode does not tell its sessions at the moment.')
  if (sessions.length === 0) return note('No session yet. One begins when somebody attaches or connects.')
  const place = placeOf(sessions, ({ id }) => id === selected.session)
  const { heading, lines } = table(sessions, columnsAt(nowMs), {
    width: size.columns,
    selected: ({ id }) => id === sessions[place]?.id,
  })
  return [heading, ...windowOf(lines, place, rows - 1)]
}
