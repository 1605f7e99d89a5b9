import { daemonLayout } from '../orchestrator/data-dir.ts'
import { writing } from '../orchestrator/write-failure.ts'
import type { Log } from '../shared/log.ts'
import type { Secret } from '../shared/secret.ts'
import { reapDeadRuns } from '../supervisor/reap.ts'
import { daemonFiles } from './daemon-files.ts'
import { believedForMs, DaemonLock, findLockHolder } from './daemon-lock.ts'
import { forgetProcesses } from './daemon-state.ts'
import { readDaemonState, StateFile } from './state-file.ts'
import { readToken } from './token-file.ts'

/**
 * - `none`: no process is the daemon, whatever files say
 * - `starting`: one is, and does not listen yet, or not any more
 * - `running`: its API is at `baseUrl`, and the token is for that process and no other
 *
 * `believedForMs`: it is of another machine or container, and counts for so long without another sign of life.
 */
export type FoundDaemon =
  | { state: 'none' }
  | { state: 'starting'; pid: number; believedForMs: number | undefined }
  | {
      state: 'running'
      pid: number
      startedAtMs: number
      baseUrl: string
      token: Secret
      cliVersion: string | undefined
      believedForMs: number | undefined
    }

/**
 * The daemon of a data dir, by its lock: a pid that another process has meanwhile and the address that a killed daemon
 * left are not taken for it.
 * @throws OpenworkError daemon_state_unusable, data_dir_unusable
 */
export async function findDaemon(dataDir: string): Promise<FoundDaemon> {
  const files = daemonFiles(dataDir)
  const holder = await findLockHolder(files.lock)
  if (!holder) return { state: 'none' }
  const { daemon, cliVersion } = await readDaemonState(files.state)
  const token = await writing(files.token, () => readToken(files.token))
  const { pid, startedAtMs } = holder
  const common = { pid, believedForMs: await believedForMs(files.lock, holder) }
  // Written by the holder itself, in this life.
  if (!token || daemon?.pid !== pid || daemon.startedAt !== startedAtMs) return { state: 'starting', ...common }
  return { state: 'running', ...common, startedAtMs, baseUrl: daemon.baseUrl, token, cliVersion }
}

/**
 * Takes away what a killed daemon left: its lock, its services, its addresses in the state. Where a daemon lives, nothing.
 * @throws OpenworkError daemon_already_running
 */
export async function clearDeadDaemon(dataDir: string, log: Pick<Log, 'warn'>): Promise<void> {
  const files = daemonFiles(dataDir)
  const lock = await DaemonLock.take(files.lock)
  try {
    await reapDeadRuns(daemonLayout(dataDir).runs)
    const state = await StateFile.open(files.state, log)
    await state.change(forgetProcesses)
  } finally {
    await lock.release()
  }
}
