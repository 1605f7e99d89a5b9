import type { DaemonFiles } from '../../daemon/daemon-files.ts'
import {
  absoluteProgram,
  type Background,
  inheritedEnvironment,
  spawnBackground,
} from '../background/spawn-background.ts'
import type { Context } from '../kit/context.ts'
import { forwardFlags } from '../kit/forward.ts'
import { ownRunId } from '../own-run-id.ts'
import { type DaemonValues, daemonFlags } from './daemon-flags.ts'

/**
 * Starts `daemon run` of this same executable with the flags given here, in a session of its own, with a log file.
 * @throws OpenworkError data_dir_unusable, disk_full
 */
export async function spawnDaemon(
  files: DaemonFiles,
  values: DaemonValues,
  { cwd, env, source }: Pick<Context, 'cwd' | 'env' | 'source'>,
): Promise<Background> {
  const forwarded = forwardFlags(
    daemonFlags,
    {
      ...values,
      opencodeBin: absoluteProgram(values.opencodeBin, cwd),
      openworkServerBin: absoluteProgram(values.openworkServerBin, cwd),
      runId: ownRunId(values.runId, { env, source }),
      logFile: undefined,
    },
    source,
  )
  return await spawnBackground({
    args: ['daemon', 'run', '--json', `--log-file=${files.log}`, ...forwarded.args],
    env: { ...inheritedEnvironment(env), ...forwarded.env, OPENWORK_DATA_DIR: values.dataDir },
    logFile: files.log,
    isOwned: false,
  })
}
