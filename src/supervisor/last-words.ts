import { closeSync, existsSync, writeSync } from 'node:fs'
import { systemCode } from '../shared/errors.ts'
import { Log } from '../shared/log.ts'
import { ORCHESTRATOR } from '../shared/orchestrator-name.ts'
import { Redactor } from '../shared/redact.ts'
import { openAppending } from '../shared/rotating-file.ts'
import { VERSION } from '../shared/version.ts'
import type { RunFile } from './run-record.ts'

/**
 * Ends the log of a run whose owner could not: what is read there last is why it has ended. Without a log, and where it
 * cannot be written any more, nothing is done.
 */
export function tellOfKill({ runId, owner, info }: Pick<RunFile, 'runId' | 'owner' | 'info'>, killed: number): void {
  const path = logFileIn(info)
  if (path === undefined || !existsSync(path)) return
  let text = ''
  const log = new Log({
    format: 'json',
    color: false,
    runId,
    serviceName: ORCHESTRATOR,
    serviceVersion: VERSION,
    minimum: 'info',
    redactor: new Redactor(),
    write: line => {
      text = `\n${line}\n` // it may have died within a line
    },
  })
  const left = killed === 1 ? '1 process of it was ended' : `${killed} processes of it were ended`
  log.error(`the host, process ${owner.pid}, was killed or has crashed; ${left}`, { 'host.end': 'killed' })
  try {
    const { fd } = openAppending(path)
    writeSync(fd, text)
    closeSync(fd)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  }
}

function logFileIn(info: unknown): string | undefined {
  if (typeof info !== 'object' || info === null || !('logFile' in info)) return undefined
  return typeof info.logFile === 'string' ? info.logFile : undefined
}
