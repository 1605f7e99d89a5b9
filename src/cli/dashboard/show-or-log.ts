import type { DashboardEnd } from '../../dashboard/run-dashboard.ts'
import type { DashboardSource } from '../../dashboard/source.ts'
import { messageOf } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import { type Shown, showDashboard } from './show.ts'
import { showLogs } from './show-logs.ts'

/** The dashboard, until it is left or the host has ended; the log, where the dashboard cannot be shown. */
export async function showOrLog(
  source: DashboardSource,
  { verbose, ...shown }: Shown & { verbose: boolean },
  context: Pick<Context, 'stdin' | 'stdout' | 'env' | 'cwd' | 'output'>,
): Promise<DashboardEnd> {
  const { signal } = shown.interruptions
  try {
    return await showDashboard(source, shown, context)
  } catch (error) {
    if (signal.aborted) return { how: 'aborted' }
    const why = verbose && error instanceof Error ? error.stack : messageOf(error)
    context.output.note(`The dashboard cannot be shown, these are the logs: ${why}`)
    return await showLogs(source, { color: shown.color, signal }, context)
  }
}
