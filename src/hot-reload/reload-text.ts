import { isAbsolute, relative } from 'node:path'
import type { ConfigProblem, EngineWork, FileChange, Inventory, ReloadReport } from '../api/hot-reload.ts'
import type { Served } from '../api/opencode-client.ts'
import type { Tiding } from './reload-policy.ts'

/** More changes than these are counted, not named. */
const NAMED_CHANGES = 5

export type Notice = { severity: 'info' | 'warn' | 'error'; message: string }

/** `command "foo" added, opencode.json changed and 3 more`. */
function renderChanges(changes: readonly FileChange[], directory: string): string {
  const named = changes.slice(0, NAMED_CHANGES).map(change => renderChange(change, directory))
  const more = changes.length - named.length
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** A file without a name of its own is named by its path, in full when it is not in the directory. */
export function renderChange({ kind, name, action, path }: FileChange, directory: string): string {
  return `${name === undefined ? placeIn(directory, path) : `${kind} "${name}"`} ${action}`
}

/** A path as seen from a directory that it is in, or else the path. */
export function placeIn(directory: string, path: string): string {
  const place = relative(directory, path)
  return place.startsWith('..') || isAbsolute(place) ? path : place
}

/** `1 session, 2 questions`, with ids `1 session (ses_1), 2 questions (que_1, que_2)`. */
export function renderWork(work: EngineWork, { withIds = false } = {}): string {
  const counted = (what: string, { length }: { length: number }, ids: readonly string[] = []): string[] => {
    const named = withIds && ids.length > 0 ? ` (${ids.join(', ')})` : ''
    return length === 0 ? [] : [`${length} ${what}${length === 1 ? '' : 's'}${named}`]
  }
  return [
    ...counted('session', work.sessions, work.sessions),
    ...counted('permission request', work.permissions, work.permissions),
    ...counted('question', work.questions, work.questions),
    ...counted('terminal', work.terminals, work.terminals),
    ...counted('open request', { length: work.requests ?? 0 }),
  ].join(', ')
}

/** `/path/opencode.json:3:5: a comma is missing`, as editors open it. */
export const renderProblem = ({ path, line, column, message }: ConfigProblem): string =>
  `${[path, line, line && column].filter(part => part !== undefined).join(':')}: ${message}`

export const inventoryOf = ({ commands, agents, skills }: Served): Inventory => ({
  commands: commands.length,
  agents: agents.length,
  skills: skills.length,
})

/** One line: what was reloaded, why, and what came of it. */
export function renderReport(report: ReloadReport): string {
  const { directory, extent, tookMs } = report
  const how = extent === 'engine' ? ' with a restart of opencode' : ''
  return `reloaded ${directory}${how}: ${whyOf(report)} (${[...countsOf(report), `${tookMs} ms`].join(', ')})`
}

/** `command "ship" added, commands 3 -> 4`. */
export const renderOutcome = (report: ReloadReport): string => [whyOf(report), ...countsOf(report)].join(', ')

function whyOf({ changes, directory, cause }: ReloadReport): string {
  if (changes.length > 0) return renderChanges(changes, directory)
  return cause === 'request' ? 'asked for' : 'opencode refused it'
}

const countsOf = ({ before, after }: ReloadReport): string[] =>
  (['commands', 'agents', 'skills'] as const)
    .filter(kind => before && before[kind] !== after[kind])
    .map(kind => `${kind} ${before?.[kind]} -> ${after[kind]}`)

const LIST_OF = { command: 'commands', agent: 'agents', skill: 'skills' } as const

/** Commands, agents and skills whose files are there, though opencode does not serve them. */
export const unserved = (changes: readonly FileChange[], served: Served): FileChange[] =>
  changes.filter(({ kind, name, action }) => {
    if (action === 'removed' || name === undefined) return false
    return (kind === 'command' || kind === 'agent' || kind === 'skill') && !served[LIST_OF[kind]].includes(name)
  })

export const renderUnserved = (directory: string, missing: readonly FileChange[]): string => {
  const files = missing.map(({ kind, name, path }) => `${kind} "${name}" (${path})`)
  return `opencode does not serve what is new in ${directory}: ${files.join(', ')}. Look at the front matter of the file`
}

const minutes = (ms: number): string => (ms < 60_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`)

export function renderTiding(directory: string, tiding: Tiding, nowMs: number): Notice {
  switch (tiding.about) {
    case 'waiting':
      return info(`the reload of ${directory} waits for ${renderWork(tiding.work)}`)
    case 'overdue':
      return warn(
        `the reload of ${directory} has waited for ${minutes(nowMs - tiding.sinceMs)}, now for ` +
          `${renderWork(tiding.work)}. It is done when they end; at once: openwork reload --force`,
      )
    case 'blocked':
      return {
        severity: 'error',
        message: `${directory} is not reloaded until this is mended: ${tiding.problems.map(renderProblem).join('; ')}`,
      }
    case 'mended':
      return info(`what was wrong in ${directory} is mended, and nothing else has changed`)
    case 'looping':
      return warn(
        `something changes ${tiding.changes.map(({ path }) => path).join(', ')} again and again, as a plugin may that ` +
          `starts with each reload of ${directory}. That is left alone until it has been quiet for a minute; at once: ` +
          'openwork reload',
      )
    case 'stuck':
      return warn(
        `opencode holds on to a config of ${directory} that it refused, and is started anew when nothing is at work`,
      )
    case 'unreachable':
      return info(`opencode does not answer; ${directory} is reloaded when it does`)
    case 'failed':
      return { severity: 'error', message: `the reload of ${directory} failed and is tried again: ${tiding.message}` }
  }
}

const info = (message: string): Notice => ({ severity: 'info', message })
const warn = (message: string): Notice => ({ severity: 'warn', message })
