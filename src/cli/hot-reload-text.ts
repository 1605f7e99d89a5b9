import { relative } from 'node:path'
import type {
  ConfigProblem,
  EngineWork,
  FileChange,
  HotReloadStatus,
  Inventory,
  ReloadReport,
} from '../api/hot-reload.ts'
import { ago } from './ago.ts'
import { onOneLine } from './kit/one-line.ts'

/** Of a long list so many lines are shown. */
const MAX_LINES = 10

/** A reload that was done: what was read anew, and what opencode has now. */
export const reloadText = (report: ReloadReport): string =>
  [
    `Reloaded ${onOneLine(report.directory)} in ${report.tookMs} ms${report.extent === 'engine' ? ': opencode was restarted' : ''}`,
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
    ...(state === 'looping' ? ['something changes these files after each reload: `openwork reload` tries again'] : []),
    ...(status.last ? [`last reload ${ago(status.last.at, nowMs)} (${status.last.tookMs} ms)`] : []),
  ].join('; ')
  return [told, ...limited(problems.map(problemText)), ...changeLines(pending, directory)]
}

/** `2 sessions (ses_1, ses_2), 1 question (que_1)`. */
export const workText = (work: EngineWork): string =>
  [
    workOf('session', work.sessions),
    workOf('permission question', work.permissions),
    workOf('question', work.questions),
    workOf('terminal', work.terminals),
    work.requests ? `${work.requests} request${work.requests > 1 ? 's' : ''}` : '',
  ]
    .filter(part => part !== '')
    .join(', ') || 'work that has ended since'

const workOf = (what: string, ids: readonly string[]): string =>
  ids.length === 0 ? '' : `${ids.length} ${what}${ids.length > 1 ? 's' : ''} (${ids.map(onOneLine).join(', ')})`

/** `/path/opencode.json:3:7: comma expected`, as editors open it. */
export const problemText = ({ path, line, column, message }: ConfigProblem): string =>
  onOneLine(`${[path, line, column].filter(part => part !== undefined).join(':')}: ${message}`)

const changeLines = (changes: readonly FileChange[], directory: string): string[] =>
  limited(
    changes.map(({ kind, name, action, path }) => {
      const place = relative(directory, path)
      return onOneLine(
        `${kind}${name === undefined ? '' : ` ${name}`} ${action}: ${place.startsWith('..') ? path : place}`,
      )
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
