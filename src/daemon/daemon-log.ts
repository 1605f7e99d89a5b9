import { writeFailure } from '../orchestrator/write-failure.ts'
import { Log } from '../shared/log.ts'
import { ORCHESTRATOR } from '../shared/orchestrator-name.ts'
import type { Redactor } from '../shared/redact.ts'
import { parseResourceAttributes } from '../shared/resource-attributes.ts'
import { RotatingFile } from '../shared/rotating-file.ts'
import { VERSION } from '../shared/version.ts'

const MAX_BYTES = 10 * 1024 * 1024
const KEEP = 5

export type DaemonLog = {
  log: Log
  /** What was logged is in the file when this returns. */
  flush(): void
  close(): void
}

export type DaemonLogOptions = {
  runId: string
  verbose: boolean
  env: Readonly<Record<string, string | undefined>>
  redactor: Redactor
}

/**
 * The log of a daemon without a terminal: six files of 10 MB at most, `daemon.log` and `daemon.log.1` to `.5`. Each line
 * is a JSON record. The folder must be there; the caller closes it.
 *
 * @throws OpenworkError data_dir_unusable, disk_full
 */
export function openDaemonLog(path: string, { runId, verbose, env, redactor }: DaemonLogOptions): DaemonLog {
  const file = openFile(path)
  const log = new Log({
    format: 'json',
    stampsChildren: true,
    color: false,
    resource: parseResourceAttributes(env.OTEL_RESOURCE_ATTRIBUTES),
    runId,
    serviceName: ORCHESTRATOR,
    serviceVersion: VERSION,
    minimum: verbose ? 'debug' : 'info',
    redactor,
    write: line => file.line(line),
  })
  return { log, flush: () => file.flush(), close: () => file.close() }
}

function openFile(path: string): RotatingFile {
  try {
    return new RotatingFile(path, { maxBytes: MAX_BYTES, keep: KEEP })
  } catch (error) {
    throw writeFailure(path, error)
  }
}
