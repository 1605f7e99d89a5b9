import { dirname } from 'node:path'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { logsFolder } from '../../orchestrator/data-dir.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import { onOneLine } from '../kit/one-line.ts'
import { type KeptLog, listLogs } from '../log-files/list-logs.ts'
import { chooseHostMeant } from './choose-host.ts'

/** In a file, or, of a host that shows its log itself, in its memory. A `host` runs. */
export type FoundLog = { in: 'file'; path: string; host: LocalHost | undefined } | { in: 'memory'; host: LocalHost }

const DAEMON = 'daemon'

/**
 * The log of the running host that a word names (`findHost`), or of one that has ended, by its run id. Without a word the
 * newest one when none runs.
 *
 * @throws OpenworkError log_not_found, several_running_hosts, interrupted
 */
export async function findLog(word: string | undefined, dataDir: string, context: Context): Promise<FoundLog> {
  try {
    const host = await chooseHostMeant(word, dataDir, context)
    return host.logFile === undefined ? { in: 'memory', host } : { in: 'file', path: host.logFile, host }
  } catch (error) {
    if (!(error instanceof OpenworkError && error.code === 'no_running_host')) throw error
    const found = await findEndedLog(word, dataDir)
    if (found) return { in: 'file', path: found.path, host: undefined }
    const what =
      word === undefined
        ? `No host is running with the data dir ${dataDir}, and no log of an earlier one is kept`
        : `No running host is called ${onOneLine(word)}, and no log is kept of one that was`
    throw new OpenworkError('log_not_found', what, {
      hint: '`openwork ps --all` lists every host and log. What `serve` and `start --no-tui` log in a terminal is not kept.',
      cause: error,
    })
  }
}

/** The logs in a data dir, of hosts that run and of those that have ended, the last written first. */
export async function logsOf(dataDir: string): Promise<KeptLog[]> {
  const daemonLog = daemonFiles(dataDir).log
  const [logs, besides] = await Promise.all([listLogs(logsFolder(dataDir)), listLogs(dirname(daemonLog))])
  const all = [...logs, ...besides.filter(({ path }) => path === daemonLog)]
  return all.sort((a, b) => b.writtenAtMs - a.writtenAtMs)
}

async function findEndedLog(word: string | undefined, dataDir: string): Promise<KeptLog | undefined> {
  const logs = await logsOf(dataDir)
  if (word === undefined) return logs[0]
  const exact = logs.find(({ runId }) => runId === word)
  const [begun, ...others] = logs.filter(({ runId }) => runId.startsWith(word) && runId !== DAEMON)
  if (exact || !begun || others.length === 0) return exact ?? begun
  throw new OpenworkError('log_not_found', `${1 + others.length} logs begin with ${word}`, {
    hint: `Name one of ${[begun, ...others].map(({ runId }) => runId).join(', ')}.`,
  })
}
