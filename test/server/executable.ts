import type { ServerSettings } from '../../src/server/settings.ts'
import { systemCode } from '../../src/shared/errors.ts'
import { secret } from '../../src/shared/secret.ts'

/**
 * The built `openwork-server` that the tests are to run against, set by `scripts/test.ts`; undefined: they run it in
 * their own process.
 */
export const EXECUTABLE = process.env.OPENWORK_TEST_EXECUTABLE

const STOP_LIMIT_MS = 5_000

/** What both ways of running a server have. */
export type TestedServer = {
  url: string
  settings: ServerSettings
  /** Stops it, and gives everything it has logged. */
  logged(): Promise<{ out: string; err: string }>
  stop(): Promise<void>
}

/**
 * A server as a process of its own that knows nothing but this environment. Resolves when it listens; ends with the
 * test's process at the latest. `stop` rejects when a SIGTERM does not end it with 0 in time.
 */
export async function startExecutable(
  executable: string,
  { args, env, cwd, settings }: { args: string[]; env: Record<string, string>; cwd: string; settings: ServerSettings },
): Promise<TestedServer> {
  const child = Bun.spawn([executable, ...args], {
    cwd,
    env: {
      PATH: process.env.PATH,
      TMPDIR: process.env.TMPDIR,
      OPENWORK_TEST_RUN: process.env.OPENWORK_TEST_RUN,
      HOME: `${cwd}/home`,
      OPENWORK_PARENT_WATCH: 'stdin',
      ...env,
    },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const out = collect(child.stdout)
  const err = collect(child.stderr)
  const printed = async (pattern: RegExp): Promise<string> => {
    const found = await out.match(pattern)
    if (found !== undefined) return found
    throw new Error(`${executable} ended (${await child.exited}) without ${pattern}: ${await err.ended}`)
  }
  const url = await printed(/listening on (http:[^\s"]+)/)
  const token = async (name: string, own: ServerSettings['hostToken']): Promise<ServerSettings['hostToken']> =>
    own.source === 'generated' ? { ...own, value: secret(await printed(new RegExp(`${name} token: (\\S+)`))) } : own

  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    const code = await child.exited
    clearTimeout(timer)
    await closeQuietly(child.stdin)
    if (code !== 0) throw new Error(`SIGTERM ended the server with ${child.signalCode ?? code}: ${await err.ended}`)
  }
  const stopOnce = (): Promise<void> => (stopped ??= stop())
  return {
    url,
    settings: {
      ...settings,
      clientToken: await token('Client', settings.clientToken),
      hostToken: await token('Host', settings.hostToken),
    },
    async logged() {
      await stopOnce()
      return { out: await out.ended, err: await err.ended }
    },
    stop: stopOnce,
  }
}

async function closeQuietly(stdin: Bun.FileSink): Promise<void> {
  try {
    await stdin.end()
  } catch (error) {
    if (systemCode(error) !== 'EPIPE') throw error // its reader has ended
  }
}

/** The text of a stream, to wait for a part of it or for its end. */
function collect(stream: ReadableStream<Uint8Array>) {
  let text = ''
  let grown = Promise.withResolvers<void>()
  let isEnded = false
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true })
      grown.resolve()
      grown = Promise.withResolvers()
    }
    isEnded = true
    grown.resolve()
    return text
  })()
  return {
    ended,
    /** The first group of the first match; undefined when the stream ended without. */
    async match(pattern: RegExp): Promise<string | undefined> {
      for (;;) {
        const next = grown.promise
        const found = pattern.exec(text)?.[1]
        if (found !== undefined || isEnded) return found
        await next
      }
    },
  }
}
