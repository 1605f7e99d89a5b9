import { runsFolder } from '../../orchestrator/data-dir.ts'
import { parseHostInfo } from '../../orchestrator/host-info.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { listRuns } from '../../supervisor/run-record.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import { wasKilled } from '../hosts/was-killed.ts'
import type { Context } from '../kit/context.ts'
import { hostSource, type Whereabouts } from './host-source.ts'
import { type Shown, showDashboard } from './show.ts'

const ASK_LIMIT_MS = 10_000

/**
 * The dashboard of a host that is somebody else's: it goes on when this is left. Resolves when it is, or when the host has
 * stopped.
 *
 * @throws OpenworkError host_connection_lost when it was killed, or has ended of a service that gave up
 */
export async function showGuest(
  host: LocalHost,
  dataDir: string,
  { context, ...look }: Omit<Shown, 'role'> & { context: Context },
): Promise<void> {
  const source = hostSource(connectToHost(host, context, ASK_LIMIT_MS), () => whereabouts(host, dataDir, context))
  const end = await showDashboard(source, { role: 'guest', ...look }, context)
  if (end.how !== 'ended') return
  if (end.failure === undefined) return context.output.note(`The host, process ${host.pid}, has stopped`)
  throw new OpenworkError('host_connection_lost', end.failure, {
    hint: host.logFile === undefined ? '`openwork ps` shows what is left of it.' : `Its log says more: ${host.logFile}`,
  })
}

/** One that stops takes its run record away; so does who clears up after one that was killed, and says so in its log. */
async function whereabouts(host: LocalHost, dataDir: string, context: Context): Promise<Whereabouts | undefined> {
  const { runId, pid } = host
  const killed = { end: { failure: `The host, process ${pid}, was killed` } }
  const runs = await listRuns(runsFolder(dataDir))
  const run = runs.find(found => found.runId === runId && found.owner.pid === pid)
  if (!run) return (await wasKilled(host, dataDir)) ? killed : { end: { failure: undefined } }
  if (!run.alive) return killed
  const info = parseHostInfo(run.info)
  return info && { client: connectToHost(info, context, ASK_LIMIT_MS) }
}
