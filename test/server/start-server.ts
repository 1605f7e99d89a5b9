import { test } from 'bun:test'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Scope } from '../../src/api/tokens.ts'
import { parseServerFlags } from '../../src/server/flags.ts'
import { listen } from '../../src/server/listen.ts'
import { openLogs } from '../../src/server/logs.ts'
import { resolveSettings, type ServerSettings } from '../../src/server/settings.ts'
import { EXECUTABLE, startExecutable, type TestedServer } from './executable.ts'
import { recordCall } from './record-call.ts'

export const CLIENT_TOKEN = 'client-token-for-tests'
export const HOST_TOKEN = 'host-token-for-tests'
export const asClient = { authorization: `Bearer ${CLIENT_TOKEN}` }
export const asHost = { 'x-openwork-host-token': HOST_TOKEN }

/** A temporary folder, removed with `await using`. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'openwork-server-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A stream that keeps what is written. */
function capture(): { stream: Writable; text: () => string } {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  return { stream, text: () => text }
}

/** A test of what no executable shows, or of what lies below HTTP: it is not run again for the executable. */
export function testInProcess(name: string, run: () => void | Promise<void>, limitMs?: number): void {
  if (EXECUTABLE === undefined) test(name, run, limitMs)
}

async function startInProcess(settings: ServerSettings, idleSeconds: number | undefined): Promise<TestedServer> {
  const stdout = capture()
  const stderr = capture()
  const logs = openLogs(settings, { stdout: stdout.stream, stderr: stderr.stream })
  const server = await listen(settings, logs, {
    startedMs: performance.now(),
    ...(idleSeconds !== undefined && { idleSeconds }),
  })
  return {
    url: server.url,
    settings,
    async logged() {
      await server.stop()
      await logs.flush(1000)
      return { out: stdout.text(), err: stderr.text() }
    },
    stop: () => server.stop(),
  }
}

/**
 * A server of ours on a free port, with one workspace `folder/project`, stopped and cleaned up with `await using`. It
 * runs in this process, or is the built executable when the run is one of its tests.
 */
export async function startServer(
  options: {
    flags?: string[]
    env?: Record<string, string>
    folder?: string
    /** The workspaces are those of `server.json`, not `project`. */
    workspacesOfFile?: boolean
    /** Only in process: there is no such setting. */
    idleSeconds?: number
  } = {},
) {
  const own = options.folder === undefined ? await temporaryFolder() : undefined
  const folder = options.folder ?? own?.path ?? ''
  const workspace = join(folder, 'project')
  await mkdir(workspace, { recursive: true })
  const env = {
    OPENWORK_SERVER_CONFIG: join(folder, 'server.json'),
    OPENWORK_DATA_DIR: join(folder, 'data'),
    OPENWORK_TOKEN: CLIENT_TOKEN,
    OPENWORK_HOST_TOKEN: HOST_TOKEN,
    ...options.env,
  }
  const workspaceFlags = options.workspacesOfFile ? [] : ['--workspace', workspace]
  const args = ['--port', '0', ...workspaceFlags, ...(options.flags ?? [])]
  const planned = await resolveSettings(parseServerFlags(args), env, folder)
  const server =
    EXECUTABLE === undefined
      ? await startInProcess(planned, options.idleSeconds)
      : await startExecutable(EXECUTABLE, { args, env, cwd: folder, settings: planned })
  const { settings } = server

  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(`${server.url}${path}`, { redirect: 'manual', ...init })
    await recordCall({ method: init.method ?? 'GET', path }, response)
    return response
  }
  /** A token, by its id, and its header. */
  const issue = async (scope: Scope): Promise<{ id: string; headers: { authorization: string } }> => {
    const response = await call('/tokens', { method: 'POST', headers: asHost, body: JSON.stringify({ scope }) })
    const { id, token } = (await response.json()) as { id: string; token: string }
    return { id, headers: { authorization: `Bearer ${token}` } }
  }
  return {
    url: server.url,
    folder,
    workspace,
    settings,
    workspaceId: settings.workspaces[0]?.id ?? '',
    call,
    /** Status and parsed body; `undefined` for an empty one. */
    async json(path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
      const response = await call(path, init)
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    post: (path: string, headers: Record<string, string>, body?: unknown): Promise<Response> =>
      call(path, { method: 'POST', headers, ...(body !== undefined && { body: JSON.stringify(body) }) }),
    issue,
    /** An issued token's header. */
    tokenOf: async (scope: Scope): Promise<{ authorization: string }> => (await issue(scope)).headers,
    logged: server.logged,
    stop: server.stop,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await own?.[Symbol.asyncDispose]()
    },
  }
}
