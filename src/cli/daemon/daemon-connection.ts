import { setTimeout as delay } from 'node:timers/promises'
import { type DaemonClient, daemonClient } from '../../api/daemon-client.ts'
import { findDaemon } from '../../daemon/find-daemon.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { isLoopbackHost } from '../../shared/loopback.ts'
import { VERSION } from '../../shared/version.ts'
import type { Context } from '../kit/context.ts'
import type { DaemonValues } from './daemon-flags.ts'
import { heldElsewhere, type RunningDaemon, seconds, untilRunning } from './wait-for-daemon.ts'

export type DaemonConnection = {
  client: DaemonClient
  pid: number
  /** Of the daemon itself. */
  baseUrl: string
}

/** A reload, or the first look at a folder, may have to wait for opencode to read it. */
const TIMEOUT_MS = 60_000
const ALIVE_LIMIT_MS = 5_000
const STOPPING_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 50

type Shown = Pick<Context, 'redactor' | 'output' | 'stderr' | 'env'>

/**
 * The daemon of a data dir that runs, or is just starting; undefined when there is none.
 * @throws OpenworkError daemon_start_failed, server_unreachable, server_invalid_answer
 */
export async function findConnection(dataDir: string, context: Shown): Promise<DaemonConnection | undefined> {
  for (const startedAtMs = performance.now(); ; await delay(LOOK_EVERY_MS)) {
    const found = await findDaemon(dataDir)
    if (found.state === 'none') return undefined
    const running = found.state === 'running' ? found : await untilRunning(dataDir, context)
    if (!running) return undefined
    try {
      return await connectTo(running, context)
    } catch (error) {
      if (!(error instanceof OpenworkError && error.code === 'server_unreachable')) throw error
      // One that is stopping listens no more, and may be gone in a moment.
      if (running.believedForMs !== undefined || performance.now() - startedAtMs > STOPPING_LIMIT_MS)
        throw doesNotAnswer(running, error)
    }
  }
}

function doesNotAnswer({ pid, baseUrl, believedForMs }: RunningDaemon, cause: OpenworkError): OpenworkError {
  if (believedForMs === undefined)
    return new OpenworkError('server_unreachable', `The daemon, process ${pid}, does not answer at ${baseUrl}`, {
      hint: 'Stop it with `openwork daemon stop`, which ends it if need be.',
      cause,
    })
  return new OpenworkError('server_unreachable', `${heldElsewhere(pid)}, and cannot be reached from here`, {
    hint: `Use it there, or pass another --data-dir. If it has ended, that is known in ${seconds(believedForMs)}.`,
    cause,
  })
}

/** As `findConnection`; without a daemon `daemon_not_running`. */
export async function requireDaemon(dataDir: string, context: Shown): Promise<DaemonConnection> {
  const connection = await findConnection(dataDir, context)
  if (connection) return connection
  throw noDaemon(dataDir)
}

export const noDaemon = (dataDir: string): OpenworkError =>
  new OpenworkError('daemon_not_running', `No daemon is running with the data dir ${dataDir}`, {
    hint: 'Start one with `openwork daemon start`, or name its data dir with --data-dir.',
  })

/** For a command with `toleratedFlags`: the data dir says which daemon is meant, and whoever names its address may be wrong. */
export function tellOtherAddress(
  { baseUrl }: Pick<DaemonConnection, 'baseUrl'>,
  { daemonHost, daemonPort }: Pick<DaemonValues, 'daemonHost' | 'daemonPort'>,
  { source, label, output }: Pick<Context<'daemonHost' | 'daemonPort'>, 'source' | 'label' | 'output'>,
): void {
  const { hostname, port } = new URL(baseUrl)
  const other = [
    ...(source('daemonHost') === 'flag' && !isHost(hostname, daemonHost)
      ? [`${label('daemonHost')} ${daemonHost}`]
      : []),
    ...(source('daemonPort') === 'flag' && ![0, Number(port)].includes(daemonPort ?? 0)
      ? [`${label('daemonPort')} ${daemonPort}`]
      : []),
  ].join(' ')
  if (other)
    output.note(`This is the daemon of the data dir, at ${baseUrl}, not ${other}; name another one with --data-dir`)
}

/** An IPv6 address stands in brackets in a URL. */
const isHost = (hostname: string, given: string): boolean =>
  [given.toLowerCase(), `[${given}]`].includes(hostname) || (given === 'localhost' && isLoopbackHost(hostname))

/** The token goes to the holder of the data dir's lock alone; and what answers there must be a daemon. */
export async function connectTo(
  { baseUrl, token, pid }: RunningDaemon,
  { redactor, output }: Shown,
): Promise<DaemonConnection> {
  redactor.add(token)
  const { version } = await daemonClient({ baseUrl, timeoutMs: ALIVE_LIMIT_MS }).alive()
  if (version !== VERSION)
    output.note(
      `The daemon is openwork ${version}, this is ${VERSION}. To renew it: openwork daemon stop && openwork daemon start`,
    )
  return { client: daemonClient({ baseUrl, token, timeoutMs: TIMEOUT_MS }), pid, baseUrl }
}
