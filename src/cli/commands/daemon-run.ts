import type { DaemonStatus } from '../../api/daemon.ts'
import type { DaemonOptions } from '../../daemon/daemon-options.ts'
import { type RunningDaemon, runDaemon } from '../../daemon/run-daemon.ts'
import { checkDataDir } from '../../orchestrator/data-dir.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { type DaemonValues, daemonFlags } from '../daemon/daemon-flags.ts'
import { parseDaemonOptions } from '../daemon/daemon-options.ts'
import { type HostLog, openHostLog, openLogFile } from '../host-log.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { ownRunId } from '../own-run-id.ts'
import { type Interruptions, takeInterruptions } from '../signals.ts'
import { aborted, interruptedStart, startDeps } from '../start-deps.ts'

export const daemonRun = defineCommand({
  path: 'daemon run',
  aliases: ['daemon foreground', 'daemon'],
  summary: 'Serve many folders with one opencode, in this terminal',
  description:
    'The folders are those of `openwork workspace add`. One opencode and one OpenWork server serve all of them; a client ' +
    'is paired once. A data dir has one daemon at most.',
  examples: [{ command: 'openwork daemon run --log-format json', does: 'for a service manager' }],
  flags: daemonFlags,
  run: runInForeground,
})

/** A daemon until it is interrupted, asked to stop, or cannot go on. Resolves to the exit code. */
async function runInForeground(values: DaemonValues, context: Context): Promise<number> {
  const options = parseDaemonOptions({ ...values, runId: ownRunId(values.runId, context) }, context)
  checkDataDir(options.services.dataDir) // the log file lies in it
  const interruptions = takeInterruptions()
  try {
    const hostLog = openLog(options, values, context, interruptions)
    const { log, progress, interruptedTransfer, flush } = hostLog
    try {
      const { dataDir, runId } = options.services
      log.info('starting the daemon', { version: VERSION, dataDir, runId })
      const starting = runDaemon(options, startDeps(context, hostLog, interruptions))
      const daemon = await Promise.race([starting, interruptions.forced])
      return await letDaemonRun(daemon, options, { context, hostLog, interruptions })
    } catch (error) {
      const failure = interruptions.signal.aborted
        ? interruptedStart(interruptions, error, interruptedTransfer())
        : error
      // Whoever reads only the records, or the file, is told too.
      if (failure instanceof OpenworkError && (options.logFile !== undefined || options.services.logFormat === 'json'))
        log.error(`run failed: ${failure.message}`, { code: failure.code })
      throw failure
    } finally {
      progress.end()
      await flush()
    }
  } finally {
    interruptions.release()
  }
}

function openLog(
  { logFile, services }: DaemonOptions,
  values: DaemonValues,
  context: Context,
  interruptions: Interruptions,
): HostLog {
  const how = { ...values, ...services }
  return logFile === undefined
    ? openHostLog(how, context, interruptions)
    : openLogFile(logFile, how, context, interruptions)
}

type Surroundings = { context: Context; hostLog: HostLog; interruptions: Interruptions }

/** Until a signal or `daemon stop` (0), or until a service that is needed is gone for good (its failure). */
async function letDaemonRun(
  daemon: RunningDaemon,
  options: DaemonOptions,
  { context, hostLog, interruptions }: Surroundings,
): Promise<number> {
  const { log, flush } = hostLog
  try {
    await flush() // what led here stands above it
    const status = await daemon.status()
    // Among JSON logs nothing but records may stand, and the log has one of this.
    if (context.json || options.services.logFormat === 'pretty')
      context.output.result({ ok: true, daemon: status.daemon }, readyText(daemon, status))
    const failure = await Promise.race([aborted(interruptions.signal), daemon.ended])
    if (failure) throw failure
    return 0
  } finally {
    log.info('shutting down')
    await daemon.stop()
    log.info('stopped')
  }
}

const readyText = ({ host, port }: RunningDaemon, { openwork, workspaceCount: count }: DaemonStatus): string =>
  [
    `The daemon is ready on ${host}:${port}, with ${count} workspace${count === 1 ? '' : 's'}; clients connect to ${openwork.connectUrl}`,
    'Add a folder with `openwork workspace add <folder>`, pair a phone with `openwork pair`; Ctrl-C stops the daemon',
  ].join('\n')
