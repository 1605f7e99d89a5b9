import { setTimeout as delay } from 'node:timers/promises'
import { type LocalHost, listLocalHosts } from '../../orchestrator/local-hosts.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { type BackgroundEnd, failureOf } from './answers.ts'
import type { SpawnedHost } from './spawn-host.ts'
import type { StartWatch } from './watch-start.ts'

const LOOK_EVERY_MS = 50
/** A first run downloads opencode, and says every few seconds how far it is. */
const SILENCE_LIMIT_MS = 120_000

type Waiting = {
  watch: StartWatch
  options: Pick<StartOptions, 'opencode'>
  /** Aborted: it is not waited for any more, which throws `interrupted`. */
  signal: AbortSignal
}

/**
 * Waits until the host can be asked over its control API, which is before its services are ready.
 * @throws OpenworkError what the host ended with, host_start_failed, interrupted
 */
export const untilAnswering = (host: SpawnedHost, waiting: Waiting): Promise<LocalHost> =>
  lookFor(host, waiting, () => findSpawned(host))

/**
 * Waits until the host is ready: its document for `--json`, with all secrets.
 * @throws OpenworkError as above
 */
export const untilReady = (host: SpawnedHost, waiting: Waiting): Promise<Record<string, unknown>> =>
  lookFor(host, waiting, async () => host.answers().find(isReadiness))

/** Its run record says where it is asked. */
export async function findSpawned({ dataDir, runId, pid }: SpawnedHost): Promise<LocalHost | undefined> {
  const hosts = await listLocalHosts(dataDir)
  return hosts.find(host => host.pid === pid && host.runId === runId)
}

/**
 * The same of a host that has run for a while.
 * @throws OpenworkError server_unreachable when it is gone
 */
export async function requireSpawned(host: SpawnedHost): Promise<LocalHost> {
  const found = await findSpawned(host)
  if (found) return found
  throw new OpenworkError('server_unreachable', `The host, process ${host.pid}, is gone`)
}

async function lookFor<T>(
  host: SpawnedHost,
  { watch, options, signal }: Waiting,
  look: () => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    const end = host.end()
    const found = await look()
    watch.look()
    watch.progress(host.progress())
    if (found !== undefined) return found
    if (end) throw startFailure(host, end, watch.lastLines())
    if (signal.aborted) throw new OpenworkError('interrupted', 'Interrupted; everything that was started is down again')
    if (watch.silentMs() > SILENCE_LIMIT_MS + options.opencode.readyWithinMs)
      throw new OpenworkError('host_start_failed', `The host did not start: process ${host.pid} shows no life`, {
        hint: logHint(host),
      })
    await delay(LOOK_EVERY_MS)
  }
}

const isReadiness = (answer: unknown): answer is Record<string, unknown> =>
  typeof answer === 'object' && answer !== null && 'openwork' in answer

/** What the host said itself, as if it had happened here; else how it ended and what it said last. */
function startFailure(host: SpawnedHost, end: BackgroundEnd, lastLines: readonly string[]): OpenworkError {
  const said = lastLines.length > 0 ? `; its last output: ${lastLines.join(' / ')}` : ''
  return (
    ownFailure(host, end) ??
    new OpenworkError('host_start_failed', `The host did not start: it ended with ${end.how}${said}`, {
      hint: logHint(host),
      details: { logFile: host.logFile },
    })
  )
}

/** Why a host that was up has ended; undefined when it was asked to. */
export function endFailure(host: SpawnedHost, end: BackgroundEnd): OpenworkError | undefined {
  const failure = ownFailure(host, end)
  if (failure || end.code === 0) return failure
  return new OpenworkError('host_connection_lost', `The host, process ${host.pid}, is gone: it ended with ${end.how}`, {
    hint: logHint(host),
    details: { logFile: host.logFile },
  })
}

function ownFailure(host: SpawnedHost, end: BackgroundEnd): OpenworkError | undefined {
  const failure = failureOf(end, host)
  if (failure?.code !== 'service_gave_up') return failure
  // The host's own hint is for somebody who has its log in front of him.
  const { message, details, exitCode } = failure
  return new OpenworkError('service_gave_up', message, { hint: logHint(host), details, exitCode })
}

const logHint = ({ logFile }: SpawnedHost): string => `Its log says more: ${logFile}`
