import type { HostLogEntry } from '../../api/host.ts'
import type { HostClient } from '../../api/host-client.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { LogQuery } from '../log-files/follow-log.ts'
import { type LogLine, recordOf } from '../log-files/log-line.ts'
import { lastOf } from '../log-files/rotated-log.ts'

/** More than a host keeps. */
const ALL_KEPT = 5_000

/**
 * The wanted lines of those that a running host keeps in memory, oldest first, many at a time: for one that writes no file.
 * With `follow` it goes on with those that come then, until `signal` is aborted or the host ends.
 *
 * @throws OpenworkError server_unreachable, unauthorized
 */
export async function* readLiveLog(
  client: HostClient,
  { wants, tail }: LogQuery,
  { signal, follow }: { signal: AbortSignal; follow: boolean },
): AsyncGenerator<LogLine[]> {
  let kept: LogLine[] | undefined = []
  try {
    for await (const { event, data } of client.events({ logs: ALL_KEPT, signal })) {
      if (event !== 'log') continue
      const lines = data.entries.map(toLine).filter(wants)
      if (!kept) {
        yield lines
        continue
      }
      kept.push(...lines)
      if (!data.backlogEnd) continue
      yield tail === undefined ? kept : lastOf(tail, kept)
      kept = undefined
      if (!follow) return
    }
  } catch (error) {
    // It ended while it was followed.
    if (!kept && error instanceof OpenworkError && error.code === 'server_unreachable') return
    throw error
  }
}

function toLine({ atMs, service, level, text }: HostLogEntry): LogLine {
  const line = { atMs, service, level, text }
  return { ...line, record: recordOf(line) }
}
