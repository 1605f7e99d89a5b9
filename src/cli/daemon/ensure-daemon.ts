import { daemonFiles } from '../../daemon/daemon-files.ts'
import { checkDataDir } from '../../orchestrator/data-dir.ts'
import type { Context } from '../kit/context.ts'
import { connectTo, type DaemonConnection, findConnection } from './daemon-connection.ts'
import { type DaemonValues, daemonFlags } from './daemon-flags.ts'
import { parseDaemonOptions } from './daemon-options.ts'
import { spawnDaemon } from './spawn-daemon.ts'
import { startFailed, untilRunning } from './wait-for-daemon.ts'

/**
 * The daemon of the data dir; when there is none it is started, with the flags given here, and waited for. `isNew`: it was.
 * @throws OpenworkError what ended the start, as the daemon said it; daemon_start_failed
 */
export async function ensureDaemon(
  values: DaemonValues,
  context: Context,
): Promise<DaemonConnection & { isNew: boolean }> {
  const { dataDir } = values
  const connection = await findConnection(dataDir, context)
  if (connection) {
    tellIgnoredFlags(context)
    return { ...connection, isNew: false }
  }
  parseDaemonOptions(values, context) // what is wrong with the flags is said here, before anything is started
  // Before anything is written there, its log included.
  const warning = checkDataDir(dataDir)
  if (warning !== undefined) context.output.note(warning)
  using spawned = await spawnDaemon(daemonFiles(dataDir), values, context)
  const running = await untilRunning(dataDir, context, spawned)
  if (!running) throw startFailed(dataDir, 'it ended before it was ready')
  return { ...(await connectTo(running, context)), isNew: running.pid === spawned.pid }
}

/** Flags of a daemon that runs already change nothing: whoever typed one believes otherwise. */
function tellIgnoredFlags({ output, source, label }: Pick<Context, 'output' | 'source' | 'label'>): void {
  const given = Object.keys(daemonFlags).filter(key => source(key) === 'flag' && key !== 'dataDir')
  if (given.length > 0)
    output.note(`The daemon runs already: ${given.map(label).join(', ')} will count when it is started again`)
}
