import { existsSync } from 'node:fs'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { findLockHolder } from '../../daemon/daemon-lock.ts'
import { clearDeadDaemon } from '../../daemon/find-daemon.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import type { Context } from '../kit/context.ts'

/** Takes away what a daemon that was killed left: its lock, and where it listened. False where there is nothing of that. */
export async function clearLeftDaemon(dataDir: string, { output }: Pick<Context, 'output'>): Promise<boolean> {
  const files = daemonFiles(dataDir)
  if (await findLockHolder(files.lock)) return false
  const { daemon, opencode } = await readDaemonState(files.state)
  if (!existsSync(files.lock) && daemon === undefined && opencode === undefined) return false
  await clearDeadDaemon(dataDir, { warn: message => output.note(message) })
  return true
}
