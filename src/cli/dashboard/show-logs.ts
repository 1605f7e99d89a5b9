import type { HostLogEntry, HostSnapshot } from '../../api/host.ts'
import type { DashboardEnd } from '../../dashboard/run-dashboard.ts'
import type { DashboardSource } from '../../dashboard/source.ts'
import type { Context } from '../kit/context.ts'
import { renderLogLine } from '../log-files/log-line.ts'

/** In the place of a dashboard that cannot be shown: the log of the host, and where it is reached, until it ends. */
export async function showLogs(
  source: DashboardSource,
  { color, signal }: { color: boolean; signal: AbortSignal },
  { stdout, output }: Pick<Context, 'stdout' | 'output'>,
): Promise<DashboardEnd> {
  const ended = Promise.withResolvers<DashboardEnd>()
  let isReady = false
  const stop = source.listen(event => {
    switch (event.type) {
      case 'log':
        for (const entry of event.entries) stdout.write(`${lineOf(entry, color)}\n`)
        break
      case 'snapshot':
        if (!isReady && event.snapshot.health === 'ready') output.note(readyText(event.snapshot))
        isReady ||= event.snapshot.health === 'ready'
        break
      case 'connection':
        break // it is tried again
      case 'ended':
        ended.resolve({ how: 'ended', ...(event.failure !== undefined && { failure: event.failure }) })
    }
  })
  signal.addEventListener('abort', () => ended.resolve({ how: 'aborted' }), { once: true })
  if (signal.aborted) ended.resolve({ how: 'aborted' })
  try {
    return await ended.promise
  } finally {
    stop()
  }
}

const lineOf = ({ service, level, text }: HostLogEntry, color: boolean): string =>
  renderLogLine({ atMs: undefined, service, level, text }, color)

const readyText = ({ workspace, connection }: HostSnapshot): string =>
  `openwork is ready: ${workspace}; clients connect to ${connection.connectUrl}. Stop with Ctrl-C.`
