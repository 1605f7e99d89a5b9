import { createColors } from 'picocolors'
import type { Report } from '../../doctor/apply-fixes.ts'
import { type Checked, GROUPS, type Status } from '../../doctor/check.ts'
import { countStatuses } from '../../doctor/document.ts'
import { wrap } from '../kit/layout.ts'
import { onOneLine } from '../kit/one-line.ts'

const MARKS: Readonly<Record<Status, string>> = { ok: '✓', info: 'i', warning: '!', problem: '✗', skipped: '-' }
const INDENT = 4

/** A report for people, below its groups, with one line at its end that sums it up. */
export function renderReport(
  { checked, fixed }: Report,
  { color, columns }: { color: boolean; columns: number },
): string {
  const paint = painter(color)
  const width = Math.max(40, Math.min(columns, 120))
  const titleWidth = Math.max(...checked.map(({ check }) => check.title.length))
  const rows = ({ check, finding }: Checked): string[] => {
    const { status, seen, details = [], means, todo } = finding
    const indent = ' '.repeat(INDENT + titleWidth + 2)
    const folded = (text: string) => wrap(onOneLine(text), width - indent.length)
    const [first = '', ...rest] = folded(seen)
    const outcome = fixed.get(check.id)
    const isWorth = status === 'warning' || status === 'problem' || status === 'info'
    return [
      `  ${paint(status, MARKS[status])} ${check.title.padEnd(titleWidth)}  ${first}`,
      ...rest.map(line => indent + line),
      ...(isWorth ? details.flatMap(detail => folded(detail).map(line => indent + paint('skipped', line))) : []),
      ...(isWorth && means ? folded(means).map(line => indent + line) : []),
      ...(isWorth && todo ? folded(`→ ${todo}`).map(line => indent + paint('todo', line)) : []),
      ...(outcome
        ? folded(`${outcome.ok ? 'Fixed' : 'Not fixed'}: ${outcome.outcome}`).map(line => indent + paint('todo', line))
        : []),
    ]
  }
  const groups = GROUPS.flatMap(group => {
    const own = checked.filter(({ check }) => check.group === group)
    return own.length === 0 ? [] : [[paint('title', group), ...own.flatMap(rows)].join('\n')]
  })
  return [...groups, renderSummary(checked)].join('\n\n')
}

function renderSummary(checked: readonly Checked[]): string {
  const { problem, warning, info, ok } = countStatuses(checked)
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`
  const good = `${ok} of ${count(checked.length, 'check')} fine`
  if (problem === 0 && warning === 0) return `Nothing is wrong: ${good}${info > 0 ? `, ${info} to know` : ''}.`
  const fixable = checked.some(({ finding }) => finding.fix !== undefined)
  const found = [
    ...(problem > 0 ? [count(problem, 'problem')] : []),
    ...(warning > 0 ? [count(warning, 'warning')] : []),
  ]
  return `${found.join(' and ')}; ${good}.${fixable ? ' `openwork doctor --fix` does what can be done safely.' : ''}`
}

function painter(color: boolean): (as: Status | 'title' | 'todo', text: string) => string {
  const colors = createColors(color)
  const paints: Record<Status | 'title' | 'todo', (text: string) => string> = {
    ok: colors.green,
    info: colors.blue,
    warning: colors.yellow,
    problem: colors.red,
    skipped: colors.dim,
    title: colors.bold,
    todo: colors.cyan,
  }
  return (as, text) => paints[as](text)
}
