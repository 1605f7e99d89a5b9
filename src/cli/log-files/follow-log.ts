import { setTimeout as delay } from 'node:timers/promises'
import { type LogLine, logLineReader } from './log-line.ts'
import { RotatedLog } from './rotated-log.ts'

const LOOK_EVERY_MS = 250

export type LogQuery = {
  wants: (line: LogLine) => boolean
  /** Files that were last written before are not read. */
  sinceMs: number | undefined
  /** Only the last ones of those that are there already. */
  tail: number | undefined
}

/**
 * The wanted lines of a log file and its older ones, oldest first, many at a time. With `follow` it goes on with those that
 * are written from then on, until `signal` is aborted or `isOver` says that nobody writes any more.
 */
export async function* readLog(
  path: string,
  query: LogQuery,
  follow?: { signal: AbortSignal; isOver: () => Promise<boolean> },
): AsyncGenerator<LogLine[]> {
  await using log = await RotatedLog.open(path, query)
  const read = logLineReader()
  const select = (lines: readonly string[]): LogLine[] => lines.flatMap(read).filter(query.wants)
  if (query.tail !== undefined) yield await log.last(query.tail, select)
  else for await (const lines of log.lines()) yield select(lines)
  while (follow && !follow.signal.aborted) {
    const isOver = await follow.isOver() // first: what it wrote last is read after that
    for await (const lines of log.newer()) yield select(lines)
    if (isOver) break
    await delay(LOOK_EVERY_MS, undefined, { signal: follow.signal }).catch(() => {}) // aborted: the loop ends
  }
  const rest = log.takeRest()
  if (rest !== undefined) yield select([rest])
}
