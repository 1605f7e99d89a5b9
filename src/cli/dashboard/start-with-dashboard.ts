import type { HostClient } from '../../api/host-client.ts'
import type { DashboardEnd } from '../../dashboard/run-dashboard.ts'
import { followUp } from '../../orchestrator/follow-up.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { summarizeDetached, tellNotices } from '../background/detached-summary.ts'
import { refuseUnusable } from '../background/refuse-unusable.ts'
import { type SpawnedHost, spawnHost } from '../background/spawn-host.ts'
import { cleared, interruptedStart, takeDown } from '../background/take-down.ts'
import { endFailure, findSpawned, requireSpawned, untilAnswering } from '../background/wait-for-host.ts'
import { watchStart } from '../background/watch-start.ts'
import type { StartValues } from '../flags/start-options.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import type { Context } from '../kit/context.ts'
import { type Interruptions, takeInterruptions } from '../signals.ts'
import { span } from '../span.ts'
import { hostSource, type Whereabouts } from './host-source.ts'
import { lookOf } from './show.ts'
import { showOrLog } from './show-or-log.ts'

const ASK_LIMIT_MS = 10_000

/**
 * `start` in a terminal: the host runs in the background for as long as this process shows it, or goes on when it is
 * detached. Whatever ends this process, a kill too, ends a host that was not detached. Resolves to the exit code.
 *
 * @throws OpenworkError why the host has ended; interrupted before anything could be shown
 */
export async function startWithDashboard(
  values: StartValues,
  options: StartOptions,
  context: Context,
): Promise<number> {
  refuseUnusable(options)
  const interruptions = takeInterruptions()
  try {
    using host = await spawnHost(values, options, context)
    const around = { values, options, interruptions, context, startedAtMs: performance.now() }
    const client = clientOf(await firstAnswer(host, around), context)
    try {
      return await afterwards(host, await shown(host, client, around), around)
    } catch (error) {
      if (!host.end()) await takeDown(host, interruptions, text => context.output.note(text))
      throw error
    }
  } finally {
    interruptions.release()
  }
}

type Surroundings = {
  values: StartValues
  options: StartOptions
  interruptions: Interruptions
  context: Context
  /** Of the monotonic clock. */
  startedAtMs: number
}

/** The host answers; or it is down again, when this throws. */
async function firstAnswer(host: SpawnedHost, around: Surroundings): Promise<LocalHost> {
  const { options, interruptions, context } = around
  const { signal } = interruptions
  using watch = watchStart(host.logFile, 'Starting the host', context)
  try {
    return await untilAnswering(host, { watch, options, signal })
  } catch (error) {
    const end = host.end() ?? (await takeDown(host, interruptions, text => watch.endWith(text)))
    throw signal.aborted ? interruptedStart(interruptions, end, error) : error
  }
}

async function shown(host: SpawnedHost, client: HostClient, around: Surroundings): Promise<DashboardEnd> {
  const { values, interruptions, context } = around
  const source = hostSource(client, () => whereabouts(host, context))
  // Where it is asked may have changed since it was asked first.
  const release = async (): Promise<void> => clientOf(await requireSpawned(host), context).release()
  const { verbose } = values
  return await showOrLog(
    source,
    { role: 'owner', release, ...lookOf(values, context), verbose, interruptions },
    context,
  )
}

async function whereabouts(host: SpawnedHost, context: Context): Promise<Whereabouts | undefined> {
  const end = host.end()
  if (end) {
    await cleared(host, end) // at once: the dashboard may be read for a while yet
    return { end: { failure: endFailure(host, end)?.message } }
  }
  const found = await findSpawned(host)
  return found && { client: clientOf(found, context) }
}

const clientOf = (host: LocalHost, context: Context): HostClient => connectToHost(host, context, ASK_LIMIT_MS)

/** What becomes of the host, and of us, once it is shown no more. */
async function afterwards(host: SpawnedHost, { how }: DashboardEnd, around: Surroundings): Promise<number> {
  const { interruptions, context } = around
  const end = host.end()
  if (end) {
    await cleared(host, end)
    const failure = endFailure(host, end)
    if (failure) throw failure
    context.output.note(stoppedText(host, around))
    return 0
  }
  if (how === 'detached') {
    await tellDetached(host, around)
    return 0
  }
  await takeDown(host, interruptions, text => context.output.note(text))
  context.output.note(stoppedText(host, around))
  return 0
}

/** The screen is gone, and with it everything that was on it. */
function stoppedText({ runId, dataDir }: SpawnedHost, { context: { home }, startedAtMs }: Surroundings): string {
  const log = followUp('logs', { runId, serves: 'one', dataDir, home })
  return `openwork has stopped, it ran ${span(performance.now() - startedAtMs)}. Its log: ${log}`
}

/** It goes on already: whatever is wrong with it now is for those who come next. */
async function tellDetached(host: SpawnedHost, { options: { dataDir }, context }: Surroundings): Promise<void> {
  const { runId, pid, logFile } = host
  let shown = (): string =>
    `openwork goes on in the background: process ${pid}, its log is ${logFile}. See \`openwork ps\`.`
  try {
    const found = await requireSpawned(host)
    const { snapshot, text } = await summarizeDetached(found, clientOf(found, context), { dataDir, context })
    tellNotices(snapshot, context)
    shown = () => text
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
  }
  context.output.result({ ok: true, runId, pid }, shown)
}
