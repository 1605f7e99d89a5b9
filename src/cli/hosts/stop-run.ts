import { setTimeout as delay } from 'node:timers/promises'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { isSameProcess } from '../../supervisor/process-identity.ts'
import { reapRun } from '../../supervisor/reap.ts'
import { isAlive } from '../../supervisor/run-record.ts'
import type { Context } from '../kit/context.ts'
import { askConfirm, canAsk } from '../prompts/prompts.ts'
import { waiting } from '../waited.ts'
import { type Ended, endedOf, wouldEnd } from './ending-work.ts'
import { connectToHost } from './host-connection.ts'
import { type HostRun, runText } from './host-runs.ts'

/** The host itself answers at once, when it does. */
const ALIVE_LIMIT_MS = 2_000
/** It may have to ask opencode what is at work. */
const ASK_LIMIT_MS = 15_000
/** After that it is told that it still stops. */
const PATIENCE_MS = 2_000
const STOP_LIMIT_MS = 30_000
const LOOK_EVERY_MS = 50

/** `cleared`: it was dead before. `signalled`: it did not answer. */
export type StopWay = 'asked' | 'signalled' | 'cleared'

/**
 * Has a host begin to stop: over its control API, which tells what is at work, or by a signal where it does not answer. In
 * a terminal a person is asked before work ends, unless forced; elsewhere it ends and is told of.
 *
 * @throws OpenworkError workspace_busy when the person declines, interrupted
 */
export async function beginStop(
  run: HostRun,
  { force }: { force: boolean },
  context: Context,
): Promise<{ way: StopWay; ended: Ended | undefined }> {
  if (!run.alive) return { way: 'cleared', ended: undefined }
  try {
    if (run.info) return { way: 'asked', ended: await askToStop(run, run.info, force, context) }
  } catch (error) {
    if (!(error instanceof OpenworkError) || error.code === 'workspace_busy' || error.code === 'interrupted')
      throw error
    // Silent, or of a version that does not know this request.
  }
  await signal(run)
  return { way: 'signalled', ended: undefined }
}

async function askToStop(
  run: HostRun,
  info: NonNullable<HostRun['info']>,
  force: boolean,
  context: Context,
): Promise<Ended | undefined> {
  await connectToHost(info, context, ALIVE_LIMIT_MS).snapshot()
  const client = connectToHost(info, context, ASK_LIMIT_MS)
  try {
    await client.stop({ force: false })
    return undefined
  } catch (error) {
    if (!(error instanceof OpenworkError && error.code === 'workspace_busy')) throw error
    const ended = await endedOf(error)
    if (!force && canAsk(context)) {
      const what = await wouldEnd(ended, client)
      const isWanted = await askConfirm(`${runText(run)}: ${what}. Stop it?`, context, { enter: false })
      if (!isWanted) throw declined(run, what, error)
    }
    await client.stop({ force: true })
    return ended
  }
}

const declined = (run: HostRun, what: string, cause: Error): OpenworkError =>
  new OpenworkError('workspace_busy', `${runText(run)} was not stopped: ${what}`, {
    hint: 'Stop it all the same with --force.',
    cause,
  })

/** Never another process that has its pid meanwhile. */
async function signal(run: HostRun): Promise<void> {
  const { pid, startTime } = run.owner
  if (startTime === null) throw nobodyKnows(run)
  if (!(await isSameProcess(pid, startTime))) return
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error // it ended meanwhile
  }
}

/**
 * Resolves when the host has ended and nothing of it is left, to what had to be killed because the host did not.
 * @throws OpenworkError host_stop_failed
 */
export async function awaitStop(
  run: HostRun,
  dataDir: string,
  context: Pick<Context, 'output'>,
): Promise<{ service: string; pid: number }[]> {
  const waited = waiting()
  let isTold = false
  while (await isRunning(run)) {
    const tookMs = waited()
    if (tookMs > STOP_LIMIT_MS) throw stillRuns(run)
    if (tookMs > PATIENCE_MS && !isTold) context.output.note(`Waiting for ${runText(run)} to end…`)
    isTold ||= tookMs > PATIENCE_MS
    await delay(LOOK_EVERY_MS)
  }
  const { killed } = await reapRun(run.path)
  if (run.info?.serves === 'listed') {
    const { clearLeftDaemon } = await import('./clear-daemon.ts')
    await clearLeftDaemon(dataDir, context)
  }
  return killed
}

const isRunning = async (run: HostRun): Promise<boolean> => run.alive && (await isAlive(run))

const nobodyKnows = (run: HostRun): OpenworkError => {
  const { pid } = run.owner
  const what = `${runText(run)} does not answer, and its record does not tell whether process ${pid} is still the host`
  return new OpenworkError('host_stop_failed', what, {
    hint: `If \`ps -p ${pid}\` shows openwork, end it with \`kill ${pid}\` and run this again; else remove ${run.path}.`,
    details: { runId: run.runId, pid },
  })
}

const stillRuns = (run: HostRun): OpenworkError =>
  new OpenworkError('host_stop_failed', `${runText(run)} has not ended within ${STOP_LIMIT_MS / 1_000} s`, {
    hint: `End it with \`kill -9 ${run.owner.pid}\`, and run this again: it takes away what is left then.`,
    details: { runId: run.runId, pid: run.owner.pid },
  })
