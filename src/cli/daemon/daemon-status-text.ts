import type { DaemonStatus, DaemonWorkspace, DaemonWorkspaceInfo, InstanceStatus } from '../../api/daemon.ts'
import { ago } from '../ago.ts'
import { byteCount } from '../byte-count.ts'
import { hotReloadLines } from '../hot-reload-text.ts'
import { onOneLine } from '../kit/one-line.ts'
import { renderTable } from '../text-table.ts'

/** Everything about a daemon that a person may want to see at once. */
export function daemonText(
  status: DaemonStatus & { baseUrl: string },
  workspaces: readonly DaemonWorkspace[],
  nowMs: number,
): string {
  const { daemon, openwork, hotReload, idleTimeoutMs, cliVersion, logFile } = status
  const since = daemon ? `pid ${daemon.pid}, started ${ago(daemon.startedAt, nowMs)}` : ''
  return [
    row('Daemon', [status.baseUrl, since, cliVersion ? `openwork ${cliVersion}` : '']),
    row('OpenWork', [openwork.connectUrl, stateText(openwork.state, openwork.pid)]),
    row('opencode', [status.opencode?.baseUrl ?? '', ...engineFacts(status)]),
    row('Hot reload', [hotReload.enabled ? 'on' : 'off']),
    row('Idle', [idleTimeoutMs === 0 ? 'never forgotten' : `forgotten after ${span(idleTimeoutMs)} without use`]),
    ...(logFile === undefined ? [] : [row('Log', [logFile])]),
    '',
    workspaces.length === 0
      ? 'No workspaces yet: openwork workspace add <folder>'
      : workspaceTable(workspaces, status, nowMs),
    ...reloadNotes(workspaces, status, nowMs),
  ].join('\n')
}

/** The workspaces of a daemon; without `status` no daemon runs. */
export function workspaceTable(
  workspaces: readonly DaemonWorkspace[],
  { activeId, instances }: { activeId: string; instances?: readonly InstanceStatus[] },
  nowMs: number,
): string {
  const rows = workspaces.map(({ id, name, path, baseUrl, lastUsedAt }) => {
    const instance = instances?.find(({ workspaceId }) => workspaceId === id)
    const usedAt = instance?.lastUsedAt ?? lastUsedAt
    return [
      id === activeId ? '*' : '',
      name,
      id,
      ...(instances ? instanceCells(instance, nowMs) : []),
      usedAt === undefined ? 'never' : ago(usedAt, nowMs),
      [baseUrl, path].filter(part => part).join(' '),
    ]
  })
  return renderTable(['', 'NAME', 'ID', ...(instances ? INSTANCE_HEAD : []), 'USED', 'PATH'], rows)
}

const INSTANCE_HEAD = ['STATE', 'BUSY', 'HELD BY', 'FORGOTTEN IN', 'RELOAD'] as const

function instanceCells(instance: InstanceStatus | undefined, nowMs: number): string[] {
  if (!instance) return ['', '', '', '', '']
  const { state, work, listeners, leases, evictsAt, reload } = instance
  const holders = [counted(listeners, 'client'), counted(leases.length, 'lease')].filter(text => text !== '')
  return [
    state === 'unknown' ? 'remote' : state,
    work ? counted(work.sessions.length, 'session') : '',
    holders.join(', '),
    evictsAt === undefined ? '' : span(Math.max(0, evictsAt - nowMs)),
    reload ? reload.state : '',
  ]
}

/** What a person has to know of the reloads that did not go by themselves. */
const reloadNotes = (workspaces: readonly DaemonWorkspace[], { instances }: DaemonStatus, nowMs: number): string[] =>
  instances.flatMap(({ workspaceId, reload }) => {
    if (!reload || reload.state === 'current') return []
    const name = workspaces.find(({ id }) => id === workspaceId)?.name ?? workspaceId
    const [first = '', ...rest] = hotReloadLines(reload, nowMs)
    return ['', `${onOneLine(name)}: ${first}`, ...rest.map(line => `  ${line}`)]
  })

function engineFacts({ engine }: DaemonStatus): string[] {
  const { state, pid, memoryBytes, memoryLimitBytes, children, restarts, isDraining } = engine
  const limit = memoryLimitBytes === undefined ? '' : ` of ${byteCount(memoryLimitBytes)}`
  return [
    stateText(state, pid),
    memoryBytes === undefined ? '' : `${byteCount(memoryBytes)}${limit}`,
    children === undefined ? '' : counted(children, 'child', 'children') || 'no children',
    counted(restarts, 'restart'),
    isDraining ? 'waits for its sessions to end, to be restarted' : '',
  ]
}

const stateText = (state: string, pid: number | undefined): string =>
  pid === undefined ? state : `${state}, pid ${pid}`

/** Nothing for none. */
const counted = (count: number, one: string, many: string = `${one}s`): string =>
  count === 0 ? '' : `${count} ${count === 1 ? one : many}`

/** `45 s`, `15 min`, `3 h`. */
function span(ms: number): string {
  if (ms < 90_000) return `${Math.ceil(ms / 1_000)} s`
  if (ms < 120 * 60_000) return `${Math.round(ms / 60_000)} min`
  return `${Math.round(ms / 3_600_000)} h`
}

const row = (label: string, facts: readonly string[]): string =>
  `${label.padEnd(11)}${facts
    .filter(fact => fact !== '')
    .map(onOneLine)
    .join('  ')}`

/** One workspace, fact by fact. */
export function workspaceText({ workspace, instance }: DaemonWorkspaceInfo, nowMs: number): string {
  const { name, id, path, baseUrl, directory, createdAt } = workspace
  const usedAt = instance?.lastUsedAt ?? workspace.lastUsedAt
  const [state = '', busy = '', holders = '', evictsIn = ''] = instance ? instanceCells(instance, nowMs) : []
  return [
    row('Name', [name]),
    row('Id', [id]),
    baseUrl === undefined ? row('Folder', [path]) : row('At', [baseUrl, directory ?? '']),
    row('Added', [ago(createdAt, nowMs)]),
    row('Used', [usedAt === undefined ? 'never' : ago(usedAt, nowMs)]),
    ...(instance ? [row('In memory', [state, busy, holders, evictsIn && `forgotten in ${evictsIn}`])] : []),
    ...(instance?.reload ? [row('Hot reload', hotReloadLines(instance.reload, nowMs).slice(0, 1))] : []),
    ...(instance?.reload
      ? hotReloadLines(instance.reload, nowMs)
          .slice(1)
          .map(line => `  ${line}`)
      : []),
  ].join('\n')
}
