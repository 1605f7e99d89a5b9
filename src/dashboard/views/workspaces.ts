import type { HostWorkspace } from '../../api/host.ts'
import { ago } from '../format.ts'
import type { State } from '../state.ts'
import { cutStart, harmless, type Line, type Style } from '../text.ts'
import { type Column, table } from './table.ts'

const STATES: Record<HostWorkspace['state'], { text: string; style: Style }> = {
  none: { text: '○ none', style: { dim: true } },
  idle: { text: '● idle', style: { color: 'green' } },
  busy: { text: '◐ busy', style: { color: 'yellow' } },
  held: { text: '● held', style: { color: 'cyan' } },
  broken: { text: '✖ broken', style: { color: 'red', bold: true } },
  unknown: { text: '? remote', style: { dim: true } },
}

const columnsAt = (nowMs: number): Column<HostWorkspace>[] => [
  { title: 'WORKSPACE', width: 14, drop: 0, text: ({ name, isActive }) => `${harmless(name)}${isActive ? ' *' : ''}` },
  {
    title: 'STATE',
    width: 8,
    drop: 0,
    text: ({ state }) => STATES[state].text,
    style: ({ state }) => STATES[state].style,
  },
  { title: 'PATH', width: 20, grows: true, drop: 2, text: ({ path }, width) => cutStart(harmless(path), width) },
  {
    title: 'LAST USED',
    width: 9,
    side: 'right',
    drop: 1,
    text: ({ lastUsedAt }) => (lastUsedAt === undefined ? '-' : ago(nowMs - lastUsedAt)),
  },
]

/** The folders of a daemon; `*` is the one that clients get unasked. */
export function workspaceRows(
  workspaces: readonly HostWorkspace[],
  { nowMs, size }: Pick<State, 'nowMs' | 'size'>,
  selectedKey: string | undefined,
): { heading: Line; lines: Line[]; place: number } {
  const isSelected = ({ id }: HostWorkspace) => `workspace ${id}` === selectedKey
  const options = { width: size.columns, selected: isSelected }
  return { ...table(workspaces, columnsAt(nowMs), options), place: Math.max(0, workspaces.findIndex(isSelected)) }
}
