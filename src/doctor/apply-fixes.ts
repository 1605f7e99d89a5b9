import { messageOf } from '../shared/errors.ts'
import { type Checked, type Fix, runChecks } from './check.ts'
import type { Surroundings } from './surroundings.ts'

/** What became of one thing that `--fix` did. */
export type Fixed = { readonly what: string; readonly ok: boolean; readonly outcome: string }

export type Report = { readonly checked: readonly Checked[]; readonly fixed: ReadonlyMap<string, Fixed> }

/**
 * Does what can be done safely, one after the other, each announced first, and makes those checks once more.
 * @throws the reason of an aborted `signal`
 */
export async function applyFixes(
  checked: readonly Checked[],
  around: Surroundings,
  { signal, onFix }: { signal: AbortSignal; onFix: (what: string) => void },
): Promise<Report> {
  const fixed = new Map<string, Fixed>()
  const after: Checked[] = []
  for (const one of checked) {
    const { fix } = one.finding
    if (!fix) {
      after.push(one)
      continue
    }
    signal.throwIfAborted()
    onFix(fix.what)
    fixed.set(one.check.id, await attempt(fix, signal))
    after.push(...(await runChecks([one.check], around, { signal, onChange: () => {} })))
  }
  return { checked: after, fixed }
}

async function attempt({ what, apply }: Fix, signal: AbortSignal): Promise<Fixed> {
  try {
    return { what, ok: true, outcome: await apply(signal) }
  } catch (error) {
    signal.throwIfAborted()
    return { what, ok: false, outcome: messageOf(error) }
  }
}
