import type { EndedWork } from '../../api/daemon.ts'
import { daemonClient } from '../../api/daemon-client.ts'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { findLockHolder, holderEnded, type LockHolder } from '../../daemon/daemon-lock.ts'
import { findDaemon } from '../../daemon/find-daemon.ts'
import { renderWork } from '../../hot-reload/reload-text.ts'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { machineId } from '../../supervisor/process-identity.ts'
import { noDaemon, tellOtherAddress } from '../daemon/daemon-connection.ts'
import { type DaemonValues, toleratedFlags } from '../daemon/daemon-flags.ts'
import { heldElsewhere } from '../daemon/wait-for-daemon.ts'
import { clearLeftDaemon } from '../hosts/clear-daemon.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

const ASK_LIMIT_MS = 5_000
/** After that it is told that it still stops. */
const PATIENCE_MS = 2_000
const STOP_LIMIT_MS = 30_000

export const daemonStop = defineCommand({
  path: 'daemon stop',
  summary: 'Stop the daemon, its opencode and its server; the list of workspaces stays',
  flags: toleratedFlags,
  async run(values, context) {
    const { dataDir } = values
    const files = daemonFiles(dataDir)
    const holder = await findLockHolder(files.lock)
    if (!holder) {
      if (!(await clearLeftDaemon(dataDir, context))) throw noDaemon(dataDir)
      showResult(context, { ok: true }, () => 'The daemon had ended without stopping; what it left behind is gone')
      return
    }
    const ended = await askToStop(values, holder, context)
    if (!(await holderEnded(files.lock, holder, PATIENCE_MS))) {
      context.output.note(`Waiting for process ${holder.pid} to end…`)
      if (!(await holderEnded(files.lock, holder, STOP_LIMIT_MS - PATIENCE_MS))) throw stillRuns(holder)
    }
    showResult(context, { ok: true, ...(ended.length > 0 && { ended }) }, () =>
      [
        'The daemon has stopped',
        ...ended.map(({ name, work }) => onOneLine(`Ended ${renderWork(work)} in ${name}`)),
      ].join('\n'),
    )
  },
})

/**
 * Over its API, which tells what is at work; a daemon that does not answer there is told by a signal, which the lock says
 * is for the right process.
 */
async function askToStop(values: DaemonValues, holder: LockHolder, context: Context): Promise<EndedWork[]> {
  const found = await findDaemon(values.dataDir)
  if (found.state === 'running') tellOtherAddress(found, values, context)
  try {
    if (found.state === 'running') {
      context.redactor.add(found.token)
      return await daemonClient({ ...found, timeoutMs: ASK_LIMIT_MS }).shutdown()
    }
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error // silent, or something else has its port
  }
  if (holder.machine !== machineId())
    throw new OpenworkError('daemon_stop_failed', heldElsewhere(holder.pid), {
      hint: 'Stop it there.',
    })
  try {
    process.kill(holder.pid, 'SIGTERM')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error // it ended meanwhile
  }
  return []
}

const stillRuns = ({ pid }: LockHolder): OpenworkError =>
  new OpenworkError(
    'daemon_stop_failed',
    `The daemon, process ${pid}, has not ended within ${STOP_LIMIT_MS / 1_000} s`,
    {
      hint: `End it with \`kill -9 ${pid}\`, and run this again: it takes away what is left then.`,
      details: { pid },
    },
  )
