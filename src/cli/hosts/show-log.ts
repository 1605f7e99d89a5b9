import { runsFolder } from '../../orchestrator/data-dir.ts'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { listRuns } from '../../supervisor/run-record.ts'
import type { Context } from '../kit/context.ts'
import { type LogQuery, readLog } from '../log-files/follow-log.ts'
import { LinePrinter } from '../log-files/line-printer.ts'
import { type LogLine, renderLogLine } from '../log-files/log-line.ts'
import { type Interruptions, takeInterruptions } from '../signals.ts'
import type { FoundLog } from './find-log.ts'
import { connectToHost } from './host-connection.ts'
import { readLiveLog } from './live-log.ts'
import { wasKilled } from './was-killed.ts'

const ASK_LIMIT_MS = 5_000

type Wish = { dataDir: string; follow: boolean }

/** Prints a log; with `follow` until its host ends, somebody interrupts, or nobody reads any more. */
export async function showLog(found: FoundLog, query: LogQuery, wish: Wish, context: Context): Promise<void> {
  const interruptions = wish.follow ? takeInterruptions() : undefined
  try {
    await printLog(found, query, wish, { context, interruptions })
  } finally {
    interruptions?.release()
  }
}

type Surroundings = { context: Context; interruptions: Interruptions | undefined }

async function printLog(
  found: FoundLog,
  query: LogQuery,
  wish: Wish,
  { context, interruptions }: Surroundings,
): Promise<void> {
  const { json, color, output, stdout } = context
  const printer = new LinePrinter(stdout)
  const signal = interruptions ? AbortSignal.any([printer.gone, interruptions.signal]) : printer.gone
  const services = new Set<string>()
  const wants = (line: LogLine): boolean => {
    services.add(line.service)
    return query.wants(line)
  }
  let printed = 0
  for await (const lines of linesOf(found, { ...query, wants }, { ...wish, context, signal })) {
    printed += lines.length
    await printer.print(lines.map(line => (json ? line.record : renderLogLine(line, color))))
    if (signal.aborted) return
  }
  if (signal.aborted) return
  if (wish.follow) output.note(await endText(found, wish.dataDir))
  else if (printed === 0) output.note(nothingText(services, query.sinceMs))
}

async function endText({ host }: FoundLog, dataDir: string): Promise<string> {
  if (!host) return 'That host had ended already'
  return (await wasKilled(host, dataDir)) ? `The host, process ${host.pid}, was killed` : 'The host has ended'
}

function nothingText(services: ReadonlySet<string>, sinceMs: number | undefined): string {
  if (services.size > 0)
    return `No such lines; there are some of ${[...services].sort().join(', ')} (see --level and --since)`
  return sinceMs === undefined ? 'The log is empty' : 'The log has no lines from then on'
}

function linesOf(
  found: FoundLog,
  query: LogQuery,
  { follow, dataDir, context, signal }: Wish & { context: Context; signal: AbortSignal },
): AsyncIterable<LogLine[]> {
  const { host } = found
  if (found.in === 'memory')
    return readLiveLog(connectToHost(found.host, context, ASK_LIMIT_MS), query, { signal, follow })
  const isOver = async (): Promise<boolean> => {
    if (!host) return true
    return !(await listRuns(runsFolder(dataDir))).some(({ runId, alive }) => runId === host.runId && alive)
  }
  return fileLines(found.path, readLog(found.path, query, follow ? { signal, isOver } : undefined))
}

/** The lines of a file; one that cannot be read is told of as such. */
async function* fileLines(path: string, lines: AsyncIterable<LogLine[]>): AsyncGenerator<LogLine[]> {
  try {
    yield* lines
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    throw new OpenworkError('log_not_found', `The log ${path} cannot be read: ${code}`, { cause: error })
  }
}
