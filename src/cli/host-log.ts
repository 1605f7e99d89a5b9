import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { openDaemonLog } from '../daemon/daemon-log.ts'
import { writeFailure } from '../orchestrator/write-failure.ts'
import { BoundedWriter } from '../shared/bounded-writer.ts'
import { Log, type LogFormat } from '../shared/log.ts'
import { ORCHESTRATOR } from '../shared/orchestrator-name.ts'
import { parseResourceAttributes } from '../shared/resource-attributes.ts'
import { VERSION } from '../shared/version.ts'
import type { Progress } from '../sidecars/download/progress.ts'
import { type DownloadProgress, progressBar, progressLog } from './download-progress.ts'
import type { Context } from './kit/context.ts'
import type { Interruptions } from './signals.ts'
import { StatusLine } from './status-line.ts'

/** Log lines that may wait for a slow reader before further ones are dropped and counted. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

export type HostLog = {
  log: Log
  /** Where the log goes: a bar in a terminal, log lines elsewhere. */
  progress: DownloadProgress
  /** What was being fetched when the interruption came. */
  interruptedTransfer(): Progress | undefined
  flush(): Promise<void>
}

/**
 * The one log stream of a host: on stdout, or on stderr when stdout is for a JSON document. When its reader is gone the
 * host is interrupted: nobody would ever stop it.
 */
export function openHostLog(
  options: LogOptions & { color?: boolean | undefined },
  context: Context,
  interruptions: Interruptions,
): HostLog {
  const stream = context.json ? context.stderr : context.stdout
  stream.on('error', error => {
    if ('code' in error && (error.code === 'EPIPE' || error.code === 'EIO')) interruptions.interrupt()
  })
  const writer = new BoundedWriter(stream, {
    maxBytes: MAX_WAITING_BYTES,
    dropped: count => `… ${count} log lines dropped: the reader of this output is too slow`,
  })
  const isTerminal =
    stream.isTTY === true && options.logFormat === 'pretty' && context.env.TERM !== 'dumb' && !context.env.CI
  const status = isTerminal ? new StatusLine(stream) : undefined
  const color = options.logFormat === 'pretty' && !context.env.NO_COLOR && (options.color ?? context.color)
  const log = new Log({
    format: options.logFormat,
    color,
    resource: parseResourceAttributes(context.env.OTEL_RESOURCE_ATTRIBUTES),
    runId: options.runId,
    serviceName: ORCHESTRATOR,
    serviceVersion: VERSION,
    minimum: options.verbose ? 'debug' : 'info',
    redactor: context.redactor,
    write: line => writer.line(status?.above(line) ?? line),
  })
  const shown = status ? progressBar(status, color) : progressLog(log)
  return { log, ...noting(shown, interruptions), flush: () => writer.flush(1_000) }
}

type LogOptions = { logFormat: LogFormat; runId: string; verbose: boolean }

/**
 * The log of a daemon without a terminal, in a file that is rotated. Ends with the process.
 * @throws OpenworkError data_dir_unusable, disk_full
 */
export function openLogFile(
  path: string,
  options: LogOptions,
  { env, redactor }: Context,
  interruptions: Interruptions,
): HostLog {
  const folder = dirname(path)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw writeFailure(folder, error)
  }
  const { log, flush } = openDaemonLog(path, { ...options, env, redactor })
  return { log, ...noting(progressLog(log), interruptions), flush: async () => flush() }
}

function noting(shown: DownloadProgress, { signal }: Interruptions): Pick<HostLog, 'progress' | 'interruptedTransfer'> {
  let transfer: Progress | undefined
  return {
    progress: {
      step: step => {
        transfer = step
        shown.step(step)
      },
      end: () => {
        if (!signal.aborted) transfer = undefined
        shown.end()
      },
    },
    interruptedTransfer: () => transfer,
  }
}
