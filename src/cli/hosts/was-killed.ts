import { runsFolder } from '../../orchestrator/data-dir.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import { isBeingReaped } from '../../supervisor/reap.ts'
import { tellsOfKill } from '../log-files/read-end.ts'

/** Whether a host that has no run record any more was killed. Of one without a log that is known for a moment only. */
export const wasKilled = async (
  { runId, logFile }: Pick<LocalHost, 'runId' | 'logFile'>,
  dataDir: string,
): Promise<boolean> =>
  // In this order: who clears up after it writes into its log before the end.
  (await isBeingReaped(runsFolder(dataDir), runId)) || (logFile !== undefined && (await tellsOfKill(logFile, runId)))
