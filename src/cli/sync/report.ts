import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { onOneLine } from '../kit/one-line.ts'
import type { Action, Direction, Skipped } from './plan.ts'

type Done = 'created' | 'updated' | 'same' | 'deleted'

export type SyncResult = {
  ok: boolean
  direction: Direction
  dryRun: boolean
  created: number
  updated: number
  deleted: number
  /** Found to be the same already, by their content or because nothing changed since the last sync. */
  unchanged: number
  /** At the target only, and left there. */
  extra: number
  bytes: number
  /** What stood at the target and was replaced, and where it is now. */
  conflicts: { path: string; copy: string }[]
  skipped: { path: string; reason: string }[]
  failed: { path: string; code: string; message: string }[]
}

/** What became of each file, counted as it happens. */
export class SyncReport {
  readonly result: SyncResult
  readonly #onDone: (path: string) => void

  constructor(start: Pick<SyncResult, 'direction' | 'unchanged' | 'extra'>, onDone: (path: string) => void) {
    this.#onDone = onDone
    this.result = {
      ok: true,
      ...start,
      dryRun: false,
      created: 0,
      updated: 0,
      deleted: 0,
      bytes: 0,
      conflicts: [],
      skipped: [],
      failed: [],
    }
  }

  done(path: string, what: Done, bytes = 0): void {
    if (what === 'same') this.result.unchanged += 1
    else this.result[what] += 1
    this.result.bytes += bytes
    this.#onDone(path)
  }

  kept(path: string, copy: string): void {
    this.result.conflicts.push({ path, copy })
  }

  conflict(path: string, copy: string, bytes: number): void {
    this.kept(path, copy)
    this.done(path, 'updated', bytes)
  }

  skipped({ path, reason }: Omit<Skipped, 'do'>): void {
    this.result.skipped.push({ path, reason })
    this.#onDone(path)
  }

  failed(path: string, { code, message }: { code: string; message: string }): void {
    this.result.ok = false
    this.result.failed.push({ path, code, message })
    this.#onDone(path)
  }
}

/**
 * A failure of one file, if it is one that the others need not suffer from; rethrows anything else. No space left is of
 * all of them: throws `disk_full`.
 */
export function fileFailure(path: string, error: unknown): { code: string; message: string } {
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    throw new OpenworkError('disk_full', `No space left to write ${path}`, { cause: error })
  if (error instanceof OpenworkError) return { code: error.code, message: error.message }
  if (code === undefined || !(error instanceof Error)) throw error
  return { code, message: error.message }
}

/** For people: what was done, then what needs a look. */
export function renderResult(result: SyncResult): string {
  const { direction, created, updated, deleted, unchanged, extra } = result
  const counts = [
    `${created} created`,
    `${updated} updated`,
    ...(deleted > 0 ? [`${deleted} deleted`] : []),
    `${unchanged} unchanged`,
    ...(extra > 0 ? [`${extra} only ${direction === 'up' ? 'there' : 'here'}`] : []),
  ]
  return [
    counts.join(', '),
    ...result.conflicts.map(({ path, copy }) => onOneLine(`conflict  ${path}: what was there is kept as ${copy}`)),
    ...result.skipped.map(({ path, reason }) => onOneLine(`skipped   ${path}: ${reason}`)),
    ...result.failed.map(({ path, code, message }) => onOneLine(`failed    ${path}: ${message} (${code})`)),
  ].join('\n')
}

/** For people: what a sync would do. */
export function renderActions(actions: readonly Action[], direction: Direction): string {
  if (actions.length === 0) return 'Nothing to do'
  const where = direction === 'up' ? 'there' : 'here'
  const lines = actions.map(action => {
    const note =
      action.do === 'skip' ? action.reason : action.do === 'compare' ? `kept as a copy if it differs ${where}` : ''
    return onOneLine(`${action.do.padEnd(8)} ${action.path}${note && `: ${note}`}`)
  })
  return lines.join('\n')
}
