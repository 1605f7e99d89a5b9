import type { HostClient } from '../../api/host-client.ts'
import { aborted } from '../../orchestrator/host.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { StartValues } from '../flags/start-options.ts'
import { openHostLog } from '../host-log.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import type { Context } from '../kit/context.ts'
import { type Interruptions, takeInterruptions } from '../signals.ts'
import { type DetachedSummary, summarizeDetached, tellNotices } from './detached-summary.ts'
import { refuseUnusable } from './refuse-unusable.ts'
import { type SpawnedHost, spawnHost } from './spawn-host.ts'
import { interruptedStart, takeDown } from './take-down.ts'
import { endFailure, requireSpawned, untilReady } from './wait-for-host.ts'
import { watchStart } from './watch-start.ts'

const ASK_LIMIT_MS = 10_000

/**
 * `start --detach`: a host in the background that is ready, and checked if that was asked for, when this resolves to the
 * exit code. Whatever ends this before, a kill too, ends the host.
 *
 * @throws OpenworkError what the host ended with, host_start_failed, check_failed, interrupted
 */
export async function startDetached(values: StartValues, options: StartOptions, context: Context): Promise<number> {
  refuseUnusable(options)
  const interruptions = takeInterruptions()
  try {
    using host = await spawnHost(values, options, context)
    const detached = await untilDetached(host, values, { options, interruptions, context })
    announce(detached, options, { context, interruptions })
    return 0
  } finally {
    interruptions.release()
  }
}

type Surroundings = { options: StartOptions; interruptions: Interruptions; context: Context }

/** Up, checked and released; or down again, when this throws. */
async function untilDetached(host: SpawnedHost, values: StartValues, around: Surroundings): Promise<Detached> {
  const { options, interruptions, context } = around
  const { signal } = interruptions
  using watch = watchStart(host.logFile, 'Starting the host', context)
  try {
    const document = await untilReady(host, { watch, options, signal })
    const found = await requireSpawned(host)
    const client = connectToHost(found, context, ASK_LIMIT_MS)
    watch.say('checking it')
    const checks =
      values.check || values.checkEvents
        ? await aborted(signal, client.check({ events: values.checkEvents }))
        : undefined
    const { dataDir } = options
    const summary = await aborted(signal, summarizeDetached(found, client, { dataDir, context }))
    // The last step: until then it ends with us.
    await aborted(signal, client.release())
    return { document, summary, checks }
  } catch (error) {
    const end = host.end() ?? (await takeDown(host, interruptions, text => watch.endWith(text)))
    if (signal.aborted) throw interruptedStart(interruptions, end, error)
    // One that ended in between does not answer, which tells nothing.
    const isSilent = error instanceof OpenworkError && error.code === 'server_unreachable'
    throw (isSilent && endFailure(host, end)) || error
  }
}

type Detached = {
  /** As `--json` prints it. */
  document: Record<string, unknown>
  summary: DetachedSummary
  checks: Awaited<ReturnType<HostClient['check']>> | undefined
}

/** JSON mode: the document. JSON logs: nothing but records may stand on stdout. Otherwise text. */
function announce(
  { document, summary: { snapshot, text }, checks }: Detached,
  options: StartOptions,
  { context, interruptions }: Omit<Surroundings, 'options'>,
): void {
  const { pid, logFile, runId, connection, notices } = snapshot
  if (options.logFormat === 'json' && !context.json) {
    const { log } = openHostLog(options, context, interruptions)
    for (const notice of notices ?? []) log.warn(notice)
    log.info('host ready, in the background', { runId, pid, logFile, connectUrl: connection.connectUrl })
    return
  }
  const passed = checks ? [`${checks.length} checks passed`] : []
  tellNotices(snapshot, context)
  context.output.result({ ...document, detached: true, pid, logFile, notices, ...(checks && { checks }) }, () =>
    [...passed, text].join('\n'),
  )
}
