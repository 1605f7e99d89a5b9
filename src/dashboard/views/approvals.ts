import type { ApprovalRequest } from '../../api/approvals.ts'
import { ago, countdown } from '../format.ts'
import { placeOf, type State } from '../state.ts'
import { cutStart, harmless, type Line, span } from '../text.ts'
import { type Column, field, table, windowOf } from './table.ts'

const HURRY_MS = 15_000

const columnsAt = (nowMs: number, answering: ReadonlySet<string>): Column<ApprovalRequest>[] => [
  {
    title: 'LEFT',
    width: 5,
    side: 'right',
    drop: 0,
    text: ({ expiresAt }) => countdown(expiresAt - nowMs),
    style: ({ expiresAt }) => (expiresAt - nowMs < HURRY_MS ? { color: 'red', bold: true } : {}),
  },
  {
    title: 'WHAT',
    width: 20,
    grows: true,
    drop: 0,
    text: ({ id, summary }) => `${answering.has(id) ? '… ' : ''}${harmless(summary)}`,
  },
  { title: 'ACTION', width: 22, drop: 3, text: ({ action }) => harmless(action), style: () => ({ color: 'cyan' }) },
  { title: 'WHO', width: 14, drop: 2, text: who },
  { title: 'AGE', width: 8, side: 'right', drop: 1, text: ({ createdAt }) => ago(nowMs - createdAt) },
]

const who = ({ actor }: ApprovalRequest): string => harmless(actor.clientId ?? actor.scope ?? actor.type)

/** What waits for an answer, oldest first, and below it all about the selected one. */
export function approvalsView(state: State, rows: number): Line[] {
  const { snapshot, nowMs, size, answering } = state
  const approvals = snapshot?.approvals
  if (!approvals) return note('openwork-server does not tell what waits for an answer at the moment.')
  if (approvals.length === 0) {
    const isAutomatic = snapshot.approvalMode === 'auto'
    return note(isAutomatic ? 'Changes are allowed without asking (--approval auto).' : 'Nothing waits for an answer.')
  }
  const place = placeOf(approvals, ({ id }) => id === state.selected.approval)
  const chosen = approvals[place]
  const { heading, lines } = table(approvals, columnsAt(nowMs, answering), {
    width: size.columns,
    selected: ({ id }) => id === chosen?.id,
  })
  const details = chosen ? detailLines(chosen, state) : []
  const listRows = Math.max(3, Math.min(lines.length, rows - 1 - details.length - 1))
  return [heading, ...windowOf(lines, place, listRows), [], ...details].slice(0, rows)
}

function detailLines(request: ApprovalRequest, { snapshot, nowMs, size, answersFromMs }: State): Line[] {
  const workspace = snapshot?.workspaces.find(({ id }) => id === request.workspaceId)
  const scope = request.actor.clientId && request.actor.scope ? ` (${request.actor.scope})` : ''
  const deadline = countdown(request.expiresAt - nowMs)
  return [
    field('What', [span(harmless(request.summary), { bold: true })]),
    field('Action', harmless(request.action)),
    field('Asked by', `${who(request)}${scope}, ${ago(nowMs - request.createdAt)}`),
    field('Folder', harmless(workspace?.path ?? request.workspaceId)),
    ...request.paths
      .slice(0, 8)
      .map((path, index) => field(index ? '' : 'Touches', cutStart(harmless(path), size.columns - 12))),
    ...(request.paths.length > 8 ? [field('', `and ${request.paths.length - 8} more`)] : []),
    field('Deadline', [span(`denied by itself in ${deadline}`, { color: 'yellow' })]),
    [
      span('  y', { color: 'green', bold: true }),
      span(' allow   '),
      span('n', { color: 'red', bold: true }),
      span(' deny'),
      ...(nowMs < answersFromMs ? [span('   in a moment: it has just come up', { dim: true })] : []),
    ],
  ]
}

export const note = (text: string): Line[] => [[], [span(`  ${text}`, { dim: true })]]
