import type { HostService } from '../../api/host.ts'
import { bytes, count, duration, exitText, percent } from '../format.ts'
import type { State } from '../state.ts'
import { harmless, type Line, span } from '../text.ts'
import { history, last } from './services.ts'
import { field, longField } from './table.ts'

/** Of the selected service, what the table has no room for, and how its last run ended. */
export function serviceDetails(
  service: HostService,
  { nowMs, size }: Pick<State, 'nowMs' | 'size'>,
  dropped: ReadonlySet<string>,
): Line[] {
  const { version, source, pid, port, startedAt, restarts, exit, reason, usage } = service
  if (dropped.size === 0 && !exit) return []
  const isLive = pid !== undefined
  const facts = [
    version ?? 'version not known',
    ...(source ? [source] : []),
    ...(dropped.has('PID') && isLive ? [`pid ${pid}`] : []),
    ...(dropped.has('PORT') && port !== undefined ? [`port ${port}`] : []),
    ...(dropped.has('UPTIME') && isLive && startedAt !== undefined ? [`up ${duration(nowMs - startedAt)}`] : []),
    count(restarts, 'restart'),
    ...(exit ? [`last run: ${exitText(exit)}`] : []),
  ].join(', ')
  return [
    ...longField('Selected', harmless(facts), size.columns),
    ...(isLive && usage ? usageLines(usage, size.columns) : []),
    ...(reason ? longField('Reason', harmless(reason), size.columns) : []),
  ]
}

/** With their histories, beside each other where there is room. */
function usageLines(usage: NonNullable<HostService['usage']>, columns: number): Line[] {
  const cpu = graph(last(usage.cpuPercent, percent), history(usage.cpuPercent, 100))
  const memory = graph(last(usage.memoryBytes, bytes), history(usage.memoryBytes, 0))
  const processes = span(`  ${count(usage.processes, 'process', 'processes')}`, { dim: true })
  if (columns < 76) return [field('CPU', cpu), field('Memory', [...memory, processes])]
  return [field('CPU', [...cpu, span('   Memory  ', { dim: true }), ...memory, processes])]
}

const graph = (value: string, bars: string): Line => [span(value.padEnd(8)), span(bars.trimStart(), { color: 'cyan' })]
