import type { StartDeps } from '../orchestrator/start.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Progress } from '../sidecars/download/progress.ts'
import type { HostLog } from './host-log.ts'
import type { Context } from './kit/context.ts'
import type { Interruptions } from './signals.ts'

/** What this process tells a start of itself. */
export const startDeps = (
  { env, cwd, home }: Pick<Context, 'env' | 'cwd' | 'home'>,
  { log, progress }: Pick<HostLog, 'log' | 'progress'>,
  interruptions: Interruptions,
): Omit<StartDeps, 'onEvent' | 'workspaces'> => ({
  env,
  cwd,
  self: { execPath: process.execPath, execArgv: process.execArgv, main: Bun.main },
  platform: process.platform,
  home,
  log,
  progress,
  signal: interruptions.signal,
  onKillable: interruptions.onAgain,
})

/** The failure of a start that a signal ended. */
export function interruptedStart(
  interruptions: Interruptions,
  cause: unknown,
  transfer: Progress | undefined,
): OpenworkError {
  // npm keeps nothing of a file that has not arrived.
  const isKept = transfer?.stage === 'downloading' && transfer.from !== 'npm'
  const kept = isKept ? '; what had arrived of the download is gone on with by the next start' : ''
  const outcome = transfer ? `nothing was started${kept}` : 'everything that was started is down again'
  return new OpenworkError('interrupted', `Interrupted; ${outcome}`, { exitCode: interruptions.exitCode(), cause })
}

/** Resolves when it is. */
export const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise(resolve => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
