import { stat } from 'node:fs/promises'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { clearDeadDaemon, findDaemon } from '../../daemon/find-daemon.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import { reachHosts } from '../../doctor/checks/downloads.ts'
import type { Surroundings } from '../../doctor/surroundings.ts'
import { OpenworkError, unlessSystemError } from '../../shared/errors.ts'
import { MADE } from '../commands/cache-place.ts'
import { parseSidecarPlace, type sidecarPlaceFlags } from '../flags/sidecar-flags.ts'
import type { Context } from '../kit/context.ts'
import type { ValuesOf } from '../kit/define.ts'
import { lookAtUserConfig } from './look-at-user-config.ts'

type Place = ValuesOf<typeof sidecarPlaceFlags> & { dataDir: string; openworkPort: number }

/** What the checks know of this command line, and what they may ask for. */
export function lookAround(
  { dataDir, openworkPort, ...place }: Place,
  context: Pick<Context, 'env' | 'cwd' | 'home' | 'stdin' | 'stdout' | 'color'>,
  { isOffline, onBytes }: Pick<Surroundings, 'isOffline' | 'onBytes'>,
): Surroundings {
  const { env, stdin, stdout, color } = context
  const home = homeOf(context)
  const { dir: sidecarDir, ...release } = parseSidecarPlace({ ...place, dataDir })
  let reached: ReturnType<Surroundings['reach']> | undefined
  const around: Surroundings = {
    env,
    home,
    dataDir,
    sidecarDir,
    release,
    made: MADE,
    self: { execPath: process.execPath, main: Bun.main },
    port: openworkPort,
    isOffline,
    terminal: {
      stdin: stdin.isTTY === true,
      stdout: stdout.isTTY === true,
      columns: stdout.columns,
      rows: (stdout as { rows?: number }).rows,
      color,
    },
    lookAtDaemon: () => lookAtDaemon(dataDir),
    lookAtUserConfig: () => lookAtUserConfig({ env, cwd: context.cwd, home }),
    reach: signal => (reached ??= reachHosts(around, signal)),
    onBytes,
  }
  return around
}

/** A user without one has no settings there, and may look at all else. */
function homeOf(context: Pick<Context, 'home'>): string {
  try {
    return context.home
  } catch (error) {
    if (error instanceof OpenworkError) return '/'
    throw error
  }
}

async function lookAtDaemon(dataDir: string): ReturnType<Surroundings['lookAtDaemon']> {
  const found = await findDaemon(dataDir)
  if (found.state !== 'none') return { state: found.state, pid: found.pid }
  const { lock, state } = daemonFiles(dataDir)
  const hasLock = (await stat(lock).catch(unlessSystemError)) !== undefined
  const { daemon } = await readDaemonState(state)
  if (!hasLock && !daemon) return { state: 'none' }
  const left = [...(hasLock ? ['its lock'] : []), ...(daemon ? ['its address'] : [])].join(' and ')
  const apply = async (): Promise<string> => {
    await clearDeadDaemon(dataDir, { warn: () => {} })
    return 'cleared up after it'
  }
  return {
    state: 'none',
    left,
    fix: { what: 'take away the lock and the services of a daemon that was killed', apply },
  }
}
