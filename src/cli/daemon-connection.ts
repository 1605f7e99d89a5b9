import { setTimeout as delay } from 'node:timers/promises'
import { type DaemonClient, daemonClient } from '../api/daemon-client.ts'
import { daemonFiles } from '../daemon/daemon-files.ts'
import { type FoundDaemon, findDaemon } from '../daemon/find-daemon.ts'
import { FAILURES, type FailureCode, OpenworkError } from '../shared/errors.ts'
import { VERSION } from '../shared/version.ts'
import { type DaemonValues, daemonFlags } from './commands/daemon-flags.ts'
import { parseDaemonOptions } from './commands/daemon-options.ts'
import type { Context } from './kit/context.ts'
import { type DaemonEnd, type SpawnedDaemon, spawnDaemon } from './spawn-daemon.ts'
import { watchStart } from './watch-start.ts'

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
/** A first run downloads opencode, and says every few seconds how far it is. */
const SILENCE_LIMIT_MS = 120_000
const START_LIMIT_MS = 10 * 60_000

type Shown = Pick<Context, 'redactor' | 'output' | 'stderr' | 'env'>
type Running = Extract<FoundDaemon, { state: 'running' }>

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
      if (performance.now() - startedAtMs > STOPPING_LIMIT_MS) throw doesNotAnswer(running, error)
    }
  }
}

const doesNotAnswer = ({ pid, baseUrl }: Running, cause: OpenworkError): OpenworkError =>
  new OpenworkError('server_unreachable', `The daemon, process ${pid}, does not answer at ${baseUrl}`, {
    hint: 'Stop it with `openwork daemon stop`, which ends it if need be.',
    cause,
  })

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

/**
 * The daemon of the data dir; when there is none it is started, with the flags given here, and waited for. `isNew`: it was.
 * @throws OpenworkError what ended the start, as the daemon said it; daemon_start_failed
 */
export async function ensureDaemon(
  values: DaemonValues,
  context: Context,
): Promise<DaemonConnection & { isNew: boolean }> {
  const { dataDir } = values
  const connection = await findConnection(dataDir, context)
  if (connection) {
    tellIgnoredFlags(context)
    return { ...connection, isNew: false }
  }
  parseDaemonOptions(values, context) // what is wrong with the flags is said here, before anything is started
  using spawned = await spawnDaemon(daemonFiles(dataDir), values, context)
  const running = await untilRunning(dataDir, context, spawned)
  if (!running) throw startFailed(dataDir, 'it ended before it was ready')
  return { ...(await connectTo(running, context)), isNew: running.pid === spawned.pid }
}

/** Flags of a daemon that runs already change nothing: whoever typed one believes otherwise. */
function tellIgnoredFlags({ output, source, label }: Pick<Context, 'output' | 'source' | 'label'>): void {
  const given = Object.keys(daemonFlags).filter(key => source(key) === 'flag' && key !== 'dataDir')
  if (given.length > 0)
    output.note(`The daemon runs already: ${given.map(label).join(', ')} will count when it is started again`)
}

/** The token goes to the holder of the data dir's lock alone; and what answers there must be a daemon. */
async function connectTo({ baseUrl, token, pid }: Running, { redactor, output }: Shown): Promise<DaemonConnection> {
  redactor.add(token)
  const { version } = await daemonClient({ baseUrl, timeoutMs: ALIVE_LIMIT_MS }).alive()
  if (version !== VERSION)
    output.note(
      `The daemon is openwork ${version}, this is ${VERSION}. To renew it: openwork daemon stop && openwork daemon start`,
    )
  return { client: daemonClient({ baseUrl, token, timeoutMs: TIMEOUT_MS }), pid, baseUrl }
}

/**
 * Waits for the daemon of the data dir, and shows what it does. Undefined when there is none any more.
 * @throws OpenworkError what `spawned` ended with, daemon_start_failed
 */
async function untilRunning(dataDir: string, context: Shown, spawned?: SpawnedDaemon): Promise<Running | undefined> {
  using watch = watchStart(daemonFiles(dataDir).log, context)
  const startedAtMs = performance.now()
  for (let isOurs = spawned !== undefined; ; await delay(LOOK_EVERY_MS)) {
    const end = isOurs ? spawned?.end() : undefined
    const found = await findDaemon(dataDir)
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

/** The failure of the daemon itself, as if it were ours; else how it ended and what it said last. */
function spawnFailure(dataDir: string, { how, failure }: DaemonEnd, lastLines: readonly string[]): OpenworkError {
  if (failure && isFailureCode(failure.code))
    return new OpenworkError(failure.code, `The daemon did not start: ${failure.error}`, {
      ...(failure.hint !== undefined && { hint: failure.hint }),
      details: { ...failure.details, logFile: daemonFiles(dataDir).log },
    })
  const said = lastLines.length > 0 ? `; its last output: ${lastLines.join(' / ')}` : ''
  return startFailed(dataDir, `it ended with ${how}${said}`)
}

const startFailed = (dataDir: string, why: string): OpenworkError =>
  new OpenworkError('daemon_start_failed', `The daemon did not start: ${why}`, {
    hint: `Its log says more: ${daemonFiles(dataDir).log}`,
    details: { logFile: daemonFiles(dataDir).log },
  })

const isFailureCode = (code: string): code is FailureCode => Object.hasOwn(FAILURES, code)
