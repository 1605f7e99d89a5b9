import { setTimeout as delay } from 'node:timers/promises'
import type { DaemonWorkspace, Lease } from '../../api/daemon.ts'
import type { DaemonClient } from '../../api/daemon-client.ts'
import { findDaemon } from '../../daemon/find-daemon.ts'
import { daemonLayout } from '../../orchestrator/data-dir.ts'
import { listLocalHosts } from '../../orchestrator/local-hosts.ts'
import type { StartOptions } from '../../orchestrator/options.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { type DaemonConnection, noDaemon, requireDaemon } from '../daemon/daemon-connection.ts'
import { openHostLog } from '../host-log.ts'
import type { HowToRun } from '../how-to-run.ts'
import type { Context } from '../kit/context.ts'
import { type Interruptions, takeInterruptions } from '../signals.ts'
import { attachedDocument, attachedText, keptTokens } from './attached-document.ts'
import { logDaemonEvent } from './event-lines.ts'

/** A client that dies holds a workspace in memory for so long. */
const LEASE_MS = 5 * 60_000
const RENEW_MS = LEASE_MS / 3
const RECONNECT_MS = 500

/**
 * `start` for a folder that a daemon serves: tells how to reach it and what happens there, or shows the dashboard, until a
 * signal, which leaves the daemon as it is. Meanwhile opencode does not forget the workspace. With `--detach` it is told
 * how to reach it, and that is all: the daemon is in the background already. Resolves to the exit code.
 *
 * @throws OpenworkError daemon_not_running when it ends without being asked to
 */
export async function attachToDaemon(
  options: AttachOptions,
  workspace: DaemonWorkspace,
  context: Context,
): Promise<number> {
  const interruptions = takeInterruptions()
  const { log, flush } = openHostLog(options, context, interruptions)
  const lease = new KeptLease(workspace.id, `openwork start, pid ${process.pid}`)
  const around = { options, workspace, context, log, lease, interruptions, signal: interruptions.signal }
  try {
    const connection = await connect(around)
    if (options.how === 'dashboard') await showDaemon(connection, around)
    else await announce(connection, around)
    if (options.how === 'here') await follow(connection, around)
    return 0
  } finally {
    await lease.release()
    await flush()
    interruptions.release()
  }
}

type AttachOptions = Pick<StartOptions, 'dataDir' | 'runId' | 'logFormat' | 'verbose'> & {
  color?: boolean | undefined
  plain: boolean
  how: HowToRun
}

type Surroundings = {
  options: AttachOptions
  workspace: DaemonWorkspace
  context: Context
  log: Log
  lease: KeptLease
  interruptions: Interruptions
  signal: AbortSignal
}

async function connect({ options, context, lease }: Surroundings): Promise<DaemonConnection> {
  const connection = await requireDaemon(options.dataDir, context)
  await lease.take(connection.client)
  return connection
}

async function announce({ client, baseUrl, pid }: DaemonConnection, around: Surroundings): Promise<void> {
  const { options, workspace, context, log } = around
  const { dataDir, runId } = options
  const status = await client.status()
  const tokens = await keptTokens(dataDir, status)
  const credentialsFile = daemonLayout(dataDir).credentials
  const attached = { runId, workspace, daemon: { baseUrl, pid }, status, tokens, credentialsFile }
  if (context.json || options.logFormat === 'pretty')
    context.output.result(attachedDocument(attached), () => attachedText(attached, { dataDir, home: context.home }))
  else log.info('host ready', { workspace: workspace.path, connectUrl: status.openwork.connectUrl, daemonPid: pid })
}

/** Until it is left, or the daemon has stopped. */
async function showDaemon({ pid }: DaemonConnection, { options, context, interruptions }: Surroundings): Promise<void> {
  const [{ showGuest }, { lookOf }] = await Promise.all([
    import('../dashboard/show-guest.ts'),
    import('../dashboard/show.ts'),
  ])
  const hosts = await listLocalHosts(options.dataDir)
  const daemon = hosts.find(host => host.serves === 'listed' && host.pid === pid)
  if (!daemon) throw noDaemon(options.dataDir)
  await showGuest(daemon, options.dataDir, { ...lookOf(options, context), interruptions, context })
}

/** Until a signal, or until the daemon says that it stops. */
async function follow(first: DaemonConnection, around: Surroundings): Promise<void> {
  const { options, workspace, log, signal } = around
  for (let { client } = first; !signal.aborted; { client } = await connect(around)) {
    try {
      for await (const event of client.events(signal)) {
        logDaemonEvent(log, event, workspace.id)
        if (event.event === 'stopping') return
      }
      return // a signal
    } catch (error) {
      if (!(error instanceof OpenworkError && error.code === 'server_unreachable')) throw error
      if ((await findDaemon(options.dataDir)).state === 'none') throw noDaemon(options.dataDir)
      log.warn('the daemon does not answer, asking again', { reason: error.message })
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => {}) // a signal: the loop ends
    }
  }
}

/** A lease that is renewed until it is released. */
class KeptLease {
  readonly #workspaceId: string
  readonly #label: string
  #held: { lease: Lease; client: DaemonClient; timer: Timer } | undefined

  constructor(workspaceId: string, label: string) {
    this.#workspaceId = workspaceId
    this.#label = label
  }

  /** Again with another daemon: leases end with theirs. */
  async take(client: DaemonClient): Promise<void> {
    clearInterval(this.#held?.timer)
    const lease = await client.lease(this.#workspaceId, { ttlMs: LEASE_MS, label: this.#label })
    const renew = (): Promise<unknown> => client.renewLease(lease.id, { ttlMs: LEASE_MS })
    // A daemon that is gone shows at its event stream.
    const timer = setInterval(() => renew().catch(() => {}), RENEW_MS)
    timer.unref()
    this.#held = { lease, client, timer }
  }

  async release(): Promise<void> {
    if (!this.#held) return
    const { lease, client, timer } = this.#held
    clearInterval(timer)
    try {
      await client.releaseLease(lease.id)
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error // the daemon is gone, and the lease with it
    }
  }
}
