import type { DaemonStatus, DaemonWorkspace, DaemonWorkspaceInfo, InstanceStatus } from '../../api/daemon.ts'
import { renderWork } from '../../hot-reload/reload-text.ts'
import { byteCount } from '../../shared/byte-count.ts'
import { ago } from '../ago.ts'
import { clockTime } from '../clock-time.ts'
import { hotReloadLines, problemText } from '../hot-reload-text.ts'
import type { Io } from '../kit/io.ts'
import { onOneLine } from '../kit/one-line.ts'
import { span } from '../span.ts'
import { renderTable } from '../text-table.ts'

/** When it is shown, and how wide. */
type Shown = { nowMs: number; columns: number }

/** Now, on that terminal. */
export const shownAt = ({ stdout }: Pick<Io, 'stdout'>): Shown => ({ nowMs: Date.now(), columns: stdout.columns || 80 })

/** Everything about a daemon that a person may want to see at once. */
export function daemonText(
  status: DaemonStatus & { baseUrl: string },
  workspaces: readonly DaemonWorkspace[],
  shown: Shown,
): string {
  const { daemon, openwork, hotReload, idleTimeoutMs, cliVersion, logFile } = status
  const since = daemon ? `pid ${daemon.pid}, started ${ago(daemon.startedAt, shown.nowMs)}` : ''
  return [
    row('Daemon', [status.baseUrl, since, cliVersion ? `openwork ${cliVersion}` : '']),
    row('OpenWork', [openwork.connectUrl, stateText(openwork.state, openwork.pid)]),
    row('opencode', [status.opencode?.baseUrl ?? '', ...engineFacts(status)]),
    row('Hot reload', [hotReload.enabled ? 'on' : 'off']),
    row('Idle', [`folders are unloaded ${idleTimeoutMs === 0 ? 'never' : `after ${span(idleTimeoutMs)} without use`}`]),
    ...(logFile === undefined ? [] : [row('Log', [logFile])]),
    '',
    workspaces.length === 0 ? NO_WORKSPACES : workspaceTable(workspaces, status, shown),
    ...workspaceNotes(workspaces, status, shown.nowMs),
  ].join('\n')
}

export const NO_WORKSPACES = 'No workspaces yet: openwork workspace add <folder>'

/**
 * The workspaces of a daemon, without the columns in which nothing stands; without `status` no daemon runs. Where it is too
 * narrow, id and place stand below each name.
 */
export function workspaceTable(
  workspaces: readonly DaemonWorkspace[],
  { activeId, instances }: { activeId: string; instances?: readonly InstanceStatus[] },
  { nowMs, columns }: Shown,
): string {
  const rows = workspaces.map(({ id, name, path, baseUrl, lastUsedAt }) => {
    const instance = instances?.find(({ workspaceId }) => workspaceId === id)
    const usedAt = instance?.lastUsedAt ?? lastUsedAt
    return {
      mark: id === activeId ? '*' : '',
      name,
      id,
      facts: [...instanceCells(instance, nowMs), usedAt === undefined ? 'never' : ago(usedAt, nowMs)],
      place: [baseUrl, path].filter(part => part).join(' '),
    }
  })
  const heads = [...INSTANCE_HEAD, 'USED']
  const filled = heads.flatMap((_, column) => (rows.some(({ facts }) => facts[column] !== '') ? [column] : []))
  const pick = (cells: readonly string[]): string[] => filled.map(column => cells[column] ?? '')
  const wide = renderTable(
    ['', 'NAME', 'ID', ...pick(heads), 'PATH'],
    rows.map(({ mark, name, id, facts, place }) => [mark, name, id, ...pick(facts), place]),
  )
  if (wide.split('\n').every(line => Bun.stringWidth(line) <= columns)) return wide
  const [head = '', ...lines] = renderTable(
    ['', 'NAME', ...pick(heads)],
    rows.map(({ mark, name, facts }) => [mark, name, ...pick(facts)]),
  ).split('\n')
  const below = rows.map(({ id, place }) => `   ${onOneLine(`${id}  ${place}`)}`)
  return [head, ...lines.flatMap((line, index) => [line, below[index] ?? ''])].join('\n')
}

const INSTANCE_HEAD = ['STATE', 'IN USE BY', 'UNLOADS IN', 'RELOAD'] as const

const STATES: Record<InstanceStatus['state'], string> = {
  none: 'unloaded',
  idle: 'idle',
  busy: 'busy',
  held: 'held',
  broken: 'broken',
  unknown: 'remote',
}

function instanceCells(instance: InstanceStatus | undefined, nowMs: number): [string, string, string, string] {
  if (!instance) return ['', '', '', '']
  const { state, work, listeners, leases, idleSince, evictsAt, reload } = instance
  const idleMs = state === 'idle' && idleSince !== undefined ? nowMs - idleSince : 0
  const users = [work ? renderWork(work) : '', counted(listeners, 'client'), counted(leases.length, 'lease')]
  return [
    idleMs < 60_000 ? STATES[state] : `idle ${span(idleMs)}`,
    users.filter(text => text !== '').join(', '),
    evictsAt === undefined ? '' : span(Math.max(0, evictsAt - nowMs)),
    reloadState(reload),
  ]
}

/** Nothing where opencode has what is on the disk, and will have. */
const reloadState = (reload: InstanceStatus['reload']): string => {
  if (reload?.watching === 'off') return 'off'
  return reload === undefined || reload.state === 'current' ? '' : reload.state
}

/** So many workspaces are told of that were reloaded by themselves. */
const MAX_RELOADED = 5

/**
 * What a person has to know of the reloads that did not go by themselves, and of folders that cannot be used; then what was
 * reloaded last.
 */
function workspaceNotes(workspaces: readonly DaemonWorkspace[], { instances }: DaemonStatus, nowMs: number): string[] {
  const notes = (of: readonly InstanceStatus[], linesOf: typeof troubles): string[] =>
    of.flatMap(instance => {
      const { workspaceId } = instance
      const name = workspaces.find(({ id }) => id === workspaceId)?.name ?? workspaceId
      const [first, ...rest] = linesOf(instance, nowMs)
      return first === undefined ? [] : ['', `${onOneLine(name)}: ${first}`, ...rest.map(line => `  ${line}`)]
    })
  const reloaded = instances
    .filter(instance => instance.reload?.last && troubles(instance, nowMs).length === 0)
    .sort((one, other) => (other.reload?.last?.at ?? 0) - (one.reload?.last?.at ?? 0))
  return [
    ...notes(instances, troubles),
    ...notes(reloaded.slice(0, MAX_RELOADED), ({ reload }) => (reload ? hotReloadLines(reload, nowMs) : [])),
  ]
}

function troubles({ state, problems = [], reload }: InstanceStatus, nowMs: number): string[] {
  const reloading = reload && reload.state !== 'current' ? hotReloadLines(reload, nowMs) : []
  if (state !== 'broken') return reloading
  const known = reload?.state !== 'current' ? (reload?.problems ?? []) : []
  const others = problems.filter(({ path }) => !known.some(problem => problem.path === path))
  return [BROKEN, ...others.map(problemText), ...reloading]
}

const BROKEN = 'opencode refuses every request for this folder until it is mended'

function engineFacts({ engine }: DaemonStatus): string[] {
  const { state, pid, memoryBytes, memoryLimitBytes, children, restarts, isDraining, limitNote } = engine
  const limit = memoryLimitBytes === undefined ? '' : ` of ${byteCount(memoryLimitBytes)}`
  return [
    stateText(state, pid),
    memoryBytes === undefined ? '' : `${byteCount(memoryBytes)}${limit}`,
    children === undefined ? '' : counted(children, 'child', 'children') || 'no children',
    counted(restarts, 'restart'),
    isDraining ? 'waits for its sessions to end, to be restarted' : '',
    limitNote ?? '',
  ]
}

const stateText = (state: string, pid: number | undefined): string =>
  pid === undefined ? state : `${state}, pid ${pid}`

/** Nothing for none. */
const counted = (count: number, one: string, many: string = `${one}s`): string =>
  count === 0 ? '' : `${count} ${count === 1 ? one : many}`

const row = (label: string, facts: readonly string[]): string =>
  `${label.padEnd(11)}${facts
    .filter(fact => fact !== '')
    .map(onOneLine)
    .join('  ')}`

/** One workspace, fact by fact. */
export function workspaceText({ workspace, instance }: DaemonWorkspaceInfo, nowMs: number): string {
  const { name, id, path, baseUrl, directory, createdAt } = workspace
  const usedAt = instance?.lastUsedAt ?? workspace.lastUsedAt
  const [state, users, unloadsIn] = instanceCells(instance, nowMs)
  const [reload, ...more] = instance?.reload ? hotReloadLines(instance.reload, nowMs) : []
  const isBroken = instance?.state === 'broken'
  return [
    row('Name', [name]),
    row('Id', [id]),
    baseUrl === undefined ? row('Folder', [path]) : row('At', [baseUrl, directory ?? '']),
    row('Added', [ago(createdAt, nowMs)]),
    row('Used', [usedAt === undefined ? 'never' : ago(usedAt, nowMs)]),
    ...(instance ? [row('In memory', [state, users, unloadsIn && `unloaded in ${unloadsIn}`])] : []),
    ...(isBroken ? [`  ${BROKEN}`, ...(instance.problems ?? []).map(problem => `  ${problemText(problem)}`)] : []),
    ...(instance?.leases ?? []).map(lease =>
      row('Lease', [lease.id, lease.label, `until ${clockTime(lease.expiresAt, nowMs)}`]),
    ),
    ...(reload === undefined ? [] : [row('Hot reload', [reload]), ...more.map(line => `  ${line}`)]),
  ].join('\n')
}
