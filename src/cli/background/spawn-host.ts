import { logsFolder } from '../../orchestrator/data-dir.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { writing } from '../../orchestrator/write-failure.ts'
import { startFlags } from '../flags/start-flags.ts'
import type { StartValues } from '../flags/start-options.ts'
import type { Context } from '../kit/context.ts'
import { forwardFlags } from '../kit/forward.ts'
import { placeForLog } from './log-files.ts'
import { absoluteProgram, type Background, inheritedEnvironment, spawnBackground } from './spawn-background.ts'

/** A host in the background that ends with us, unless it is released before. */
export type SpawnedHost = Background & { runId: string; dataDir: string; logFile: string }

/**
 * Starts `serve` of this same executable with the flags given here, in a session of its own. The workspace and the data
 * dir have been looked at.
 *
 * @throws OpenworkError run_id_in_use, data_dir_unusable, disk_full
 */
export async function spawnHost(
  values: StartValues,
  { runId, workspace, dataDir }: Pick<StartOptions, 'runId' | 'workspace' | 'dataDir'>,
  { cwd, env, source }: Pick<Context, 'cwd' | 'env' | 'source'>,
): Promise<SpawnedHost> {
  const logFile = await writing(logsFolder(dataDir), () => placeForLog(dataDir, runId))
  const forwarded = forwardFlags(
    startFlags,
    {
      ...values,
      ...OURS,
      opencodeBin: absoluteProgram(values.opencodeBin, cwd),
      openworkServerBin: absoluteProgram(values.openworkServerBin, cwd),
    },
    source,
  )
  const background = await spawnBackground({
    args: ['serve', '--json', '--background', `--log-file=${logFile}`, ...forwarded.args],
    env: {
      ...inheritedEnvironment(env),
      ...forwarded.env,
      OPENWORK_WORKSPACE: workspace,
      OPENWORK_DATA_DIR: dataDir,
      OPENWORK_RUN_ID: runId,
    },
    logFile,
    isOwned: true,
  })
  return { ...background, runId, dataDir, logFile }
}

/** Not for the one in the background: what is done here, and what it is told otherwise. */
const OURS = {
  workspace: undefined,
  dataDir: undefined,
  runId: undefined,
  attach: undefined,
  check: undefined,
  checkEvents: undefined,
  tui: undefined,
  plain: undefined,
  detach: undefined,
  logFile: undefined,
  background: undefined,
} as const
