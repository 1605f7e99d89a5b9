import type {
  ConfigProblem,
  EngineWork,
  FileChange,
  HotReloadStatus,
  Inventory,
  ReloadReport,
} from '../api/hot-reload.ts'
import { placeIn, renderChange, renderOutcome, renderProblem, renderWork } from '../hot-reload/reload-text.ts'
import { ago } from './ago.ts'
import { onOneLine } from './kit/one-line.ts'

/** Of a long list so many lines are shown. */
const MAX_LINES = 10

/** A reload that was done: what was read anew, and what opencode has now. */
export const reloadText = (report: ReloadReport): string =>
  [
    `Reloaded ${onOneLine(report.directory)} in ${took(report.tookMs)}${report.extent === 'engine' ? ': opencode was restarted' : ''}`,
    ...changeLines(report.changes, report.directory).map(line => `  ${line}`),
    `  ${inventoryText(report)}`,
  ].join('\n')

/** How a directory stands, in one line, with further ones for what a person has to see. */
export function hotReloadLines(status: HotReloadStatus, nowMs: number): string[] {
  const { state, watching, pending, problems, waitingFor, directory } = status
  const told = [
    watching === 'off' ? 'off' : state,
    ...(watching === 'polling' ? ['polling: the system has no file watches left'] : []),
    ...(waitingFor && (state === 'waiting' || state === 'overdue') ? [`waits for ${workText(waitingFor)}`] : []),
    ...(status.pendingSince !== undefined ? [`changed ${ago(status.pendingSince, nowMs)}`] : []),
    ...(state === 'looping'
      ? ['something changes these files again and again: taken over when they are quiet, or by `openwork reload`']
      : []),
    ...(status.last ? [lastReload(status.last, nowMs)] : []),
  ].join('; ')
  return [
    told,
    ...limited(problems.map(problemText)),
    ...(status.notes ?? []).map(onOneLine),
    ...changeLines(pending, directory),
  ]
}

const lastReload = (report: ReloadReport, nowMs: number): string =>
  onOneLine(`last reload ${ago(report.at, nowMs)} (${took(report.tookMs)}): ${renderOutcome(report)}`)

/** `210 ms`, `1.1 s`. */
const took = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`)

/** `2 sessions (ses_1, ses_2), 1 question (que_1)`. */
export const workText = (work: EngineWork): string =>
  onOneLine(renderWork(work, { withIds: true })) || 'work that has ended since'

export const problemText = (problem: ConfigProblem): string => onOneLine(renderProblem(problem))

const changeLines = (changes: readonly FileChange[], directory: string): string[] =>
  limited(
    changes.map(change => {
      const where = change.name === undefined ? '' : `: ${placeIn(directory, change.path)}`
      return onOneLine(`${renderChange(change, directory)}${where}`)
    }),
  )

const limited = (lines: readonly string[]): string[] =>
  lines.length <= MAX_LINES
    ? [...lines]
    : [...lines.slice(0, MAX_LINES - 1), `and ${lines.length - MAX_LINES + 1} more`]

/** `commands 5 -> 6, agents 3, skills 1`. */
const inventoryText = ({ before, after }: { before?: Inventory | undefined; after: Inventory }): string =>
  (['commands', 'agents', 'skills'] as const)
    .map(what =>
      before && before[what] !== after[what] ? `${what} ${before[what]} -> ${after[what]}` : `${what} ${after[what]}`,
    )
    .join(', ')
