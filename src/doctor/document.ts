import { VERSION } from '../shared/version.ts'
import type { Fixed, Report } from './apply-fixes.ts'
import type { Checked, Status } from './check.ts'

/** A report as JSON: what `openwork doctor --json` prints, and what is in a support bundle. */
export function reportDocument({ checked, fixed }: Report) {
  const count = countStatuses(checked)
  return {
    ok: count.problem === 0,
    version: VERSION,
    summary: count,
    checks: checked.map(({ check: { id, group, title }, finding }) => {
      const { status, seen, details = [], means, todo, fix } = finding
      return { id, group, title, status, seen, details, means, todo, fixable: fix !== undefined, ...was(fixed.get(id)) }
    }),
  }
}

const was = (fixed: Fixed | undefined) => (fixed ? { fixed } : {})

export function countStatuses(checked: readonly Checked[]): Record<Status, number> {
  const count: Record<Status, number> = { ok: 0, info: 0, warning: 0, problem: 0, skipped: 0 }
  for (const { finding } of checked) count[finding.status] += 1
  return count
}
