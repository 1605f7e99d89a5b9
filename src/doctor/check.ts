import { readdir } from 'node:fs/promises'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import type { Surroundings } from './surroundings.ts'

/** `info`: worth knowing, and nobody's fault. `warning`: it works, and may not always. `problem`: it does not work. */
export type Status = 'ok' | 'info' | 'warning' | 'problem' | 'skipped'

/** What one check found. */
export type Finding = {
  readonly status: Status
  /** In one line. */
  readonly seen: string
  /** More of it, a line each. */
  readonly details?: readonly string[] | undefined
  /** What that means for whoever runs openwork here. */
  readonly means?: string | undefined
  /** What to do about it, a command where there is one. */
  readonly todo?: string | undefined
  readonly fix?: Fix | undefined
}

/** Something safe that `--fix` does: it changes nothing that is not ours. */
export type Fix = {
  /** Announces it: "make … private". */
  readonly what: string
  /** Answers what was done. */
  apply(signal: AbortSignal): Promise<string>
}

export const GROUPS = ['This machine', 'Programs', 'Files', 'Network', 'Running hosts', 'Other tools'] as const

export type Check = {
  /** For scripts: never changes its meaning. */
  readonly id: string
  readonly group: (typeof GROUPS)[number]
  readonly title: string
  readonly limitMs: number
  /** Asks hosts elsewhere, and is left out with `--offline`. */
  readonly isOnline?: true
  /** Looks into the data dir, and is left out when that is no folder, or closed to us: one check says so. */
  readonly isInDataDir?: true
  /** May throw: a check that cannot be made is a problem of its own. */
  look(around: Surroundings, signal: AbortSignal): Promise<Finding>
}

/** For what is looked at in files and in memory. */
export const QUICK_MS = 5_000

export type Checked = { readonly check: Check; readonly finding: Finding }

/**
 * Makes all checks at the same time, in their own order. One that fails, or takes longer than it may, ends no other.
 *
 * @param onChange called with the titles of those that go on, whenever there is one less
 * @throws the reason of an aborted `signal`
 */
export async function runChecks(
  checks: readonly Check[],
  around: Surroundings,
  { signal, onChange }: { signal: AbortSignal; onChange: (pending: readonly string[]) => void },
): Promise<Checked[]> {
  const pending = new Set(checks)
  const tell = (): void => onChange([...pending].map(({ title }) => title))
  tell()
  return await Promise.all(
    checks.map(async check => {
      const finding = await runCheck(check, around, signal)
      signal.throwIfAborted()
      pending.delete(check)
      tell()
      return { check, finding }
    }),
  )
}

/** One check, bounded. Never rejects. */
async function runCheck(check: Check, around: Surroundings, signal: AbortSignal): Promise<Finding> {
  if (check.isOnline && around.isOffline) return { status: 'skipped', seen: 'not looked at (--offline)' }
  if (check.isInDataDir && (await isClosed(around.dataDir)))
    return { status: 'skipped', seen: 'not looked at: the data dir cannot be used' }
  const late = new AbortController()
  const all = AbortSignal.any([signal, late.signal])
  const reason = new Error(`no answer within ${check.limitMs / 1_000} s`)
  const timer = setTimeout(() => late.abort(reason), check.limitMs)
  try {
    // What hangs in the system, such as a disk of a server that is gone, hears of no signal: it is not waited for.
    const ended = new Promise<never>((_, reject) => all.addEventListener('abort', () => reject(all.reason)))
    return await Promise.race([check.look(around, all), ended])
  } catch (error) {
    if (error instanceof OpenworkError) return { status: 'problem', seen: error.message, todo: error.hint }
    return {
      status: 'problem',
      seen: `this check itself failed: ${error instanceof Error ? error.message : String(error)}`,
      means: 'What it looks at may be fine; openwork could not tell.',
      todo: 'If it fails again, report it with `openwork support-bundle`.',
    }
  } finally {
    clearTimeout(timer)
  }
}

async function isClosed(dataDir: string): Promise<boolean> {
  try {
    await readdir(dataDir)
    return false
  } catch (error) {
    return systemCode(error) !== 'ENOENT'
  }
}
