import { setTimeout as delay } from 'node:timers/promises'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { type FoundDaemon, findDaemon } from '../../daemon/find-daemon.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { type BackgroundEnd, failureOf } from '../background/answers.ts'
import type { Background } from '../background/spawn-background.ts'
import { watchStart } from '../background/watch-start.ts'
import type { Context } from '../kit/context.ts'

export type RunningDaemon = Extract<FoundDaemon, { state: 'running' }>

const LOOK_EVERY_MS = 50
/** A first run downloads opencode, and says every few seconds how far it is. */
const SILENCE_LIMIT_MS = 120_000
const START_LIMIT_MS = 10 * 60_000

/**
 * Waits for the daemon of the data dir, and shows what it does. Undefined when there is none any more.
 * @throws OpenworkError what `spawned` ended with, daemon_start_failed
 */
export async function untilRunning(
  dataDir: string,
  context: Pick<Context, 'stderr' | 'env' | 'output'>,
  spawned?: Background,
): Promise<RunningDaemon | undefined> {
  using watch = watchStart(daemonFiles(dataDir).log, 'Starting the daemon', context)
  const startedAtMs = performance.now()
  let isToldOfOther = false
  for (let isOurs = spawned !== undefined; ; await delay(LOOK_EVERY_MS)) {
    const end = isOurs ? spawned?.end() : undefined
    const found = await findDaemon(dataDir)
    if (found.state === 'starting' && found.believedForMs !== undefined && !isToldOfOther) {
      context.output.note(
        `${heldElsewhere(found.pid)}. If it shows no life, its place is taken in ${seconds(found.believedForMs)}`,
      )
      isToldOfOther = true
    }
    watch.look()
    if (found.state === 'running') return found
    if (end) {
      // Two were started at once: the other one's daemon is as good.
      if (end.failure?.code !== 'daemon_already_running') throw spawnFailure(dataDir, end, watch.lastLines())
      isOurs = false
    } else if (!isOurs && found.state === 'none') return undefined
    const pid = found.state === 'starting' ? found.pid : spawned?.pid
    if (performance.now() - startedAtMs > START_LIMIT_MS || watch.silentMs() > SILENCE_LIMIT_MS)
      throw startFailed(dataDir, `process ${pid} is still starting`)
  }
}

export const heldElsewhere = (pid: number): string =>
  `The daemon of this data dir is process ${pid} of another machine or container`

/** At least one. */
export const seconds = (ms: number): string => `${Math.max(1, Math.ceil(ms / 1_000))} s`

export const startFailed = (dataDir: string, why: string): OpenworkError =>
  new OpenworkError('daemon_start_failed', `The daemon did not start: ${why}`, {
    hint: `Its log says more: ${daemonFiles(dataDir).log}`,
    details: { logFile: daemonFiles(dataDir).log },
  })

/** The failure of the daemon itself, as if it were ours; else how it ended and what it said last. */
function spawnFailure(dataDir: string, end: BackgroundEnd, lastLines: readonly string[]): OpenworkError {
  const failure = failureOf(end, { prefix: 'The daemon did not start: ', logFile: daemonFiles(dataDir).log })
  if (failure) return failure
  const said = lastLines.length > 0 ? `; its last output: ${lastLines.join(' / ')}` : ''
  return startFailed(dataDir, `it ended with ${end.how}${said}`)
}
