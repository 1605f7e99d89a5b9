import type { HostService } from '../../api/host.ts'
import { bytes, countdown, duration, exitText, percent, sparkline } from '../format.ts'
import type { State } from '../state.ts'
import { cells, cut, harmless, type Line, type Style, span } from '../text.ts'
import { type Column, table } from './table.ts'

type ServiceState = HostService['state']

/** Told apart by word and symbol; the colour only helps. */
const STATES: Record<ServiceState, { symbol: string; style: Style }> = {
  waiting: { symbol: '○', style: { dim: true } },
  starting: { symbol: '◐', style: { color: 'yellow' } },
  ready: { symbol: '●', style: { color: 'green' } },
  unhealthy: { symbol: '▲', style: { color: 'red' } },
  'backing-off': { symbol: '↻', style: { color: 'yellow', bold: true } },
  stopping: { symbol: '◌', style: { color: 'yellow' } },
  exited: { symbol: '■', style: { dim: true } },
  'gave-up': { symbol: '✖', style: { color: 'red', bold: true } },
}

const stateText = (state: ServiceState): string => `${STATES[state].symbol} ${state}`

const HISTORY = 12

function columnsAt(nowMs: number, nameWidth: number): Column<HostService>[] {
  const live = (service: HostService) => service.pid !== undefined
  return [
    { title: 'SERVICE', width: nameWidth, drop: 0, text: ({ name }) => name },
    {
      title: 'STATE',
      width: 13,
      drop: 0,
      text: ({ state }) => stateText(state),
      style: ({ state }) => STATES[state].style,
    },
    { title: 'PID', width: 7, side: 'right', drop: 6, text: ({ pid }) => (pid === undefined ? '-' : String(pid)) },
    { title: 'PORT', width: 5, side: 'right', drop: 4, text: ({ port }) => (port === undefined ? '-' : String(port)) },
    {
      title: 'UPTIME',
      width: 7,
      side: 'right',
      drop: 1,
      text: service => (service.startedAt === undefined || !live(service) ? '-' : duration(nowMs - service.startedAt)),
    },
    { title: 'RST', width: 3, side: 'right', drop: 5, text: ({ restarts }) => String(restarts) },
    {
      title: 'CPU',
      width: 5,
      side: 'right',
      drop: 2,
      text: service => (live(service) ? last(service.usage?.cpuPercent, percent) : '-'),
    },
    {
      title: 'MEM',
      width: 6,
      side: 'right',
      drop: 3,
      text: service => (live(service) ? last(service.usage?.memoryBytes, bytes) : '-'),
    },
    { title: 'VERSION', width: 10, drop: 7, text: ({ version }) => version ?? '-' },
    {
      title: 'CPU HISTORY',
      width: HISTORY,
      side: 'right',
      drop: 8,
      text: ({ usage }) => history(usage?.cpuPercent, 100),
      style: () => ({ color: 'cyan' }),
    },
    { title: 'SOURCE', width: 10, drop: 9, text: ({ source }) => source ?? '-' },
    {
      title: 'MEM HISTORY',
      width: HISTORY,
      side: 'right',
      drop: 10,
      text: ({ usage }) => history(usage?.memoryBytes, 0),
      style: () => ({ color: 'cyan' }),
    },
  ]
}

export function last(values: readonly number[] | undefined, show: (value: number) => string): string {
  const value = values?.at(-1)
  return value === undefined ? '-' : show(value)
}

/** Against 100 % of a core, or what was used most: a low load is then seen to be low. */
export const history = (values: readonly number[] | undefined, full: number): string =>
  sparkline(values ?? [], HISTORY, Math.max(full, ...(values ?? [])))

type Shown = Pick<State, 'nowMs' | 'size' | 'snapshot'>

/** The services, each with its reason below where it has one, and the place of the selected one. */
export function serviceRows(
  services: readonly HostService[],
  state: Shown,
  selectedKey: string | undefined,
): { heading: Line; lines: Line[]; place: number; dropped: ReadonlySet<string> } {
  const isSelected = ({ name }: HostService) => `service ${name}` === selectedKey
  const longest = Math.max(...services.map(({ name }) => cells(name)))
  // In a narrow window a name gives way to the columns that matter.
  const nameWidth = Math.max(12, Math.min(longest, 24, Math.floor(0.4 * state.size.columns)))
  const { heading, lines, dropped } = table(services, columnsAt(state.nowMs, nameWidth), {
    width: state.size.columns,
    selected: isSelected,
  })
  const all: Line[] = []
  let place = 0
  for (const [index, service] of services.entries()) {
    if (isSelected(service)) place = all.length
    all.push(lines[index] ?? [], ...reasonLines(service, state))
  }
  return { heading, lines: all, place, dropped }
}

function reasonLines(service: HostService, { nowMs, size, snapshot }: Shown): Line[] {
  const { nextTryAt, exit, state } = service
  // A host ends with what it cannot do without.
  const canRestart = snapshot?.health !== 'failed' && snapshot?.health !== 'stopping'
  const isDown = state === 'backing-off' || state === 'gave-up' || state === 'exited'
  const parts = [
    ...(service.reason ? [harmless(service.reason)] : []),
    ...(isDown && !service.reason && exit ? [exitText(exit)] : []),
    ...(state === 'backing-off' && nextTryAt !== undefined ? [`next try in ${countdown(nextTryAt - nowMs)}`] : []),
    ...(state === 'gave-up' && canRestart ? ['R restarts it'] : []),
  ]
  if (parts.length === 0) return []
  return [[span(cut(`    └ ${parts.join(' · ')}`, size.columns), { color: state === 'gave-up' ? 'red' : 'yellow' })]]
}
