import type { HostLogEntry } from '../../api/host.ts'
import type { HostClient } from '../../api/host-client.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { LogQuery } from '../log-files/follow-log.ts'
import { type LogLine, recordOf } from '../log-files/log-line.ts'
import { lastOf } from '../log-files/rotated-log.ts'

/** More than a host keeps. */
const ALL_KEPT = 5_000
/** What is kept comes at once. */
const SILENCE_MS = 500

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
  const kept = await keptEntries(client, signal)
  const lines = kept.map(toLine).filter(wants)
  yield tail === undefined ? lines : lastOf(tail, lines)
  if (!follow) return
  const lastSeq = kept.at(-1)?.seq ?? 0
  for await (const entries of newEntries(client, lastSeq, signal)) yield entries.map(toLine).filter(wants)
}

/** Those until now. */
async function keptEntries(client: HostClient, signal: AbortSignal): Promise<HostLogEntry[]> {
  const askedAtMs = Date.now()
  const done = new AbortController()
  const silence = setTimeout(() => done.abort(), SILENCE_MS)
  const kept: HostLogEntry[] = []
  try {
    for await (const { event, data } of client.events({
      logs: ALL_KEPT,
      signal: AbortSignal.any([signal, done.signal]),
    })) {
      if (event !== 'log') continue
      const before = data.entries.filter(({ atMs }) => atMs <= askedAtMs)
      kept.push(...before)
      if (before.length < data.entries.length) break
      silence.refresh()
    }
    return kept
  } finally {
    clearTimeout(silence)
    done.abort()
  }
}

async function* newEntries(client: HostClient, lastSeq: number, signal: AbortSignal): AsyncGenerator<HostLogEntry[]> {
  let isConnected = false
  try {
    for await (const { event, data } of client.events({ logs: ALL_KEPT, signal })) {
      isConnected = true
      if (event === 'log') yield data.entries.filter(({ seq }) => seq > lastSeq)
    }
  } catch (error) {
    // It ended in the middle of it.
    if (!(isConnected && error instanceof OpenworkError && error.code === 'server_unreachable')) throw error
  }
}

function toLine({ atMs, service, level, text }: HostLogEntry): LogLine {
  const line = { atMs, service, level, text }
  return { ...line, record: recordOf(line) }
}
