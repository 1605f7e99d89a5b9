import type { Writable } from 'node:stream'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { watchParent } from '../shared/parent-watch.ts'
import { VERSION } from '../shared/version.ts'
import { parseServerFlags, renderServerHelp } from './flags.ts'
import type { ServerLogs } from './logs.ts'
import { type Environment, resolveSettings, type ServerSettings } from './settings.ts'

export type ServerIo = { env: Environment; cwd: string; stdout: Writable; stderr: Writable }

const FLUSH_MS = 300

/**
 * openwork-server from its arguments to its exit code. SIGTERM, SIGINT or the end of the parent stops it gracefully,
 * with 0; a second signal ends it at once, with 128 + its number. What a user can act on (settings, the port) is one
 * line on stderr and the failure's exit code; anything else is thrown.
 */
export async function serverMain(argv: string[], io: ServerIo): Promise<number> {
  const startedMs = performance.now()
  const flags = parseServerFlags(argv)
  if (flags.switches.help) return print(io.stdout, renderServerHelp())
  if (flags.switches.version) return print(io.stdout, `${VERSION}\n`)
  if (flags.ignored.length > 0) await print(io.stderr, `openwork-server: ignored: ${flags.ignored.join(' ')}\n`)
  const stops = listenForStops(io.env)
  try {
    const settings = await resolveSettings(flags, io.env, io.cwd)
    // Only now: --help and --version need neither the HTTP stack nor the schemas.
    const [{ openLogs }, { listen }] = await Promise.all([import('./logs.ts'), import('./listen.ts')])
    const logs = openLogs(settings, io)
    const server = await listen(settings, logs, { startedMs })
    announce(logs, settings, server.url)
    const reason = await stops.first
    logs.out.info(`Stopping: ${reason}`)
    const code = await Promise.race([server.stop().then(() => 0), stops.second])
    await logs.flush(FLUSH_MS)
    return code
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    const hint = error.hint ? ` (${error.hint})` : ''
    await print(io.stderr, `openwork-server: ${error.code}: ${error.message}${hint}\n`)
    return error.exitCode
  } finally {
    stops.ignore()
  }
}

type Stops = {
  /** Resolves with why to stop. */
  first: Promise<string>
  /** Resolves with the exit code when the signal is repeated. */
  second: Promise<number>
  ignore(): void
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

function listenForStops(env: Environment): Stops {
  const first = Promise.withResolvers<string>()
  const second = Promise.withResolvers<number>()
  let signals = 0
  const onSignal = (signal: keyof typeof EXIT_CODES) => (): void => {
    signals += 1
    if (signals === 1) first.resolve(signal)
    else second.resolve(EXIT_CODES[signal])
  }
  const handlers = { SIGINT: onSignal('SIGINT'), SIGTERM: onSignal('SIGTERM') }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, handlers[signal])
  const unwatch = watchParent(env, () => first.resolve('the parent process is gone'))
  return {
    first: first.promise,
    second: second.promise,
    ignore() {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, handlers[signal])
      unwatch()
    },
  }
}

/** A token nobody gave us is shown once, or nobody could use it. */
function announceToken(out: Log, name: string, { value, source }: ServerSettings['clientToken']): void {
  if (source !== 'generated') return
  out.info(`${name}: ${value.reveal()}`)
  out.redactor.add(value)
}

function announce({ out }: ServerLogs, settings: ServerSettings, url: string): void {
  const { clientToken, hostToken, workspaces, control } = settings
  out.info(`OpenWork server listening on ${url}`)
  announceToken(out, 'Client token', clientToken)
  announceToken(out, 'Host token', hostToken)
  // Whoever keeps the list for us tells how it grows.
  if (workspaces.length > 0) out.info(`Workspaces: ${workspaces.length}`)
  else if (!control?.keepsWorkspaces) out.info('No workspaces: add one with --workspace <path>')
  if (!settings.verbose) return
  out.info(`Config: ${settings.configPath}`)
  out.info(`Read-only: ${settings.readOnly}`)
  out.info(`Approvals: ${settings.approval.mode}, ${settings.approval.timeoutMs}ms`)
  out.info(`CORS origins: ${settings.corsOrigins.join(', ') || 'none'}`)
  out.info(`Authorized roots: ${settings.authorizedRoots.join(', ') || 'none'}`)
  out.info(`Client token from: ${clientToken.source}`)
  out.info(`Host token from: ${hostToken.source}`)
}

/** Writes a text that is no log, and waits until it is out: the process may end next. */
function print(stream: Writable, text: string): Promise<number> {
  return new Promise(resolve => stream.write(text, () => resolve(0)))
}
