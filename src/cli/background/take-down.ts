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
/** A host that needs longer to stop hangs, and is killed. */
const STOP_LIMIT_MS = 30_000
/** The same, of one that was told to end at once. */
const HURRY_LIMIT_MS = 3_000
/** What the system does not even end then hangs in the system. */
const KILL_LIMIT_MS = 5_000
const LOOK_EVERY_MS = 20

/**
 * Stops a host that was started here, and waits for its end; a signal meanwhile has it end at once, the one after that
 * kills it, as it is when it hangs. What it leaves when it was killed is taken away.
 *
 * @throws OpenworkError host_stop_failed
 */
export async function takeDown(
  host: SpawnedHost,
  { signal, onAgain, forced }: Pick<Interruptions, 'signal' | 'onAgain' | 'forced'>,
  say: (text: string) => void,
): Promise<BackgroundEnd> {
  const waited = waiting()
  let killAtMs = STOP_LIMIT_MS
  let isHurried = false
  let isKilled = false
  let isTold = false
  const hurry = (): void => {
    if (isKilled) return
    host.signal('SIGTERM')
    killAtMs = Math.min(killAtMs, isHurried ? 0 : waited() + HURRY_LIMIT_MS)
    isHurried = true
  }
  host.signal('SIGTERM')
  // Where a key has begun this, the first signal already is somebody who wants out now.
  if (!signal.aborted) signal.addEventListener('abort', hurry, { once: true })
  onAgain(hurry)
  forced.catch(hurry)
  for (;;) {
    const end = host.end()
    if (end) return await cleared(host, end)
    const tookMs = waited()
    if (tookMs >= killAtMs) {
      if (isKilled) throw stillRuns(host)
      say(`The host, process ${host.pid}, does not stop: it is killed, and what it runs`)
      host.signal('SIGKILL')
      isKilled = true
      killAtMs = tookMs + KILL_LIMIT_MS
    } else if (tookMs > PATIENCE_MS && !isTold) {
      say(`Stopping the host, process ${host.pid}… Ctrl-C ends it at once.`)
      isTold = true
    }
    await delay(LOOK_EVERY_MS)
  }
}

/** A host that was killed has taken nothing down. */
export async function cleared(host: SpawnedHost, end: BackgroundEnd): Promise<BackgroundEnd> {
  if (end.code === null) await reapDeadRuns(runsFolder(host.dataDir))
  return end
}

const stillRuns = ({ pid }: SpawnedHost): OpenworkError =>
  new OpenworkError('host_stop_failed', `The host, process ${pid}, was killed and has not ended`, {
    hint: `It hangs in the system. The next start takes away what is left of it once it is gone: see \`openwork ps\`.`,
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
