import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { logsFolder, runsFolder } from '../../orchestrator/data-dir.ts'
import { listRuns, runIdInUse } from '../../supervisor/run-record.ts'
import { listLogs } from '../log-files/list-logs.ts'

/** Of hosts that have ended so many logs are kept. */
const KEPT = 10

/** The log of a host without a terminal; its older parts have `.1` to `.5` added. */
const logFileOf = (dataDir: string, runId: string): string => join(logsFolder(dataDir), logName(runId))

/** A run id comes from the user and may be anything; only a plain one becomes a file name. */
const logName = (runId: string): string =>
  `${/^[A-Za-z0-9][\w.-]{0,99}$/.test(runId) ? runId : new Bun.CryptoHasher('sha256').update(runId).digest('hex')}.log`

/**
 * Where a host that is to start logs. Removes the logs of hosts that ended long ago, with their older parts.
 * @throws OpenworkError run_id_in_use; what the file system says as it is
 */
export async function placeForLog(dataDir: string, runId: string): Promise<string> {
  const runs = (await listRuns(runsFolder(dataDir))).filter(({ alive }) => alive)
  if (runs.some(run => run.runId === runId)) throw runIdInUse(runId) // it writes that file
  const living = new Set(runs.map(run => logFileOf(dataDir, run.runId)))
  const ended = (await listLogs(logsFolder(dataDir))).filter(({ path }) => !living.has(path))
  for (const { parts } of ended.slice(KEPT)) for (const part of parts) rmSync(part, { force: true })
  return logFileOf(dataDir, runId)
}
