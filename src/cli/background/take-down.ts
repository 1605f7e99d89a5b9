import { setTimeout as delay } from 'node:timers/promises'
import { runsFolder } from '../../orchestrator/data-dir.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { reapDeadRuns } from '../../supervisor/reap.ts'
import type { Interruptions } from '../signals.ts'
import { waiting } from '../waited.ts'
import type { BackgroundEnd } from './answers.ts'
import type { SpawnedHost } from './spawn-host.ts'

/** After that it is told that it still stops. */
const PATIENCE_MS = 1_000
const STOP_LIMIT_MS = 30_000
const LOOK_EVERY_MS = 20

/**
 * Stops a host that was started here, and waits for its end; a further signal has it end at once. What it leaves when it
 * was killed is taken away.
 *
 * @throws OpenworkError host_stop_failed; interrupted, by the signal after that
 */
export async function takeDown(
  host: SpawnedHost,
  interruptions: Interruptions,
  say: (text: string) => void,
): Promise<BackgroundEnd> {
  host.signal('SIGTERM')
  interruptions.onAgain(() => host.signal('SIGTERM'))
  const waited = waiting()
  let isTold = false
  for (;;) {
    const end = host.end()
    if (end) return await cleared(host, end)
    const tookMs = waited()
    if (tookMs > STOP_LIMIT_MS) throw stillRuns(host)
    if (tookMs > PATIENCE_MS && !isTold) {
      say(`Stopping the host, process ${host.pid}…`)
      isTold = true
    }
    await Promise.race([delay(LOOK_EVERY_MS), interruptions.forced])
  }
}

/** A host that was killed has taken nothing down. */
export async function cleared(host: SpawnedHost, end: BackgroundEnd): Promise<BackgroundEnd> {
  if (end.code === null) await reapDeadRuns(runsFolder(host.dataDir))
  return end
}

const stillRuns = ({ pid }: SpawnedHost): OpenworkError =>
  new OpenworkError('host_stop_failed', `The host, process ${pid}, has not ended within ${STOP_LIMIT_MS / 1_000} s`, {
    hint: `End it with \`kill -9 ${pid}\`; the next start takes away what is left of it then.`,
    details: { pid },
  })

/** The failure of a start that a signal ended, once its host is down. */
export const interruptedStart = (
  interruptions: Interruptions,
  { failure }: BackgroundEnd,
  cause: unknown,
): OpenworkError =>
  new OpenworkError(
    'interrupted',
    failure?.code === 'interrupted' ? failure.error : 'Interrupted; everything that was started is down again',
    { exitCode: interruptions.exitCode(), cause },
  )
