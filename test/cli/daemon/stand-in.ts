// A daemon that this process claims to be: its lock and state are real, what it answers is up to the test.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DaemonWorkspace } from '../../../src/api/daemon.ts'
import { daemonFiles } from '../../../src/daemon/daemon-files.ts'
import { DaemonLock } from '../../../src/daemon/daemon-lock.ts'

export const TOKEN = 'ab'.repeat(32)

export type Seen = { method: string; path: string; search: string; authorization: string | null; body: string }

export type StandIn = {
  folder: string
  dataDir: string
  env: Record<string, string>
  /** Requests so far. */
  seen: Seen[]
  [Symbol.asyncDispose](): Promise<void>
}

type Options = {
  /** Without it nobody is the daemon, whatever the files say. */
  isHeld?: boolean
  version: string
  /** With what it serves in its own folder, if anything. */
  workspaces?: readonly DaemonWorkspace[] | ((folder: string) => readonly DaemonWorkspace[])
  answer?: (request: Seen) => Response
}

export async function startStandIn({
  isHeld = true,
  version,
  workspaces: listed = [],
  answer,
}: Options): Promise<StandIn> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'openwork-daemon-')))
  const workspaces = typeof listed === 'function' ? listed(folder) : listed
  const dataDir = join(folder, 'data')
  const files = daemonFiles(dataDir)
  mkdirSync(files.folder, { recursive: true })
  const seen: Seen[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const call = {
        method: request.method,
        path: pathname,
        search,
        authorization: request.headers.get('authorization'),
        body: await request.text(),
      }
      seen.push(call)
      if (pathname === '/health') return Response.json({ ok: true, version })
      if (call.method === 'GET' && pathname === '/workspaces') return Response.json({ activeId: '', workspaces })
      return answer?.(call) ?? Response.json({ code: 'not_found', message: 'no' }, { status: 404 })
    },
  })
  const lock = isHeld ? await DaemonLock.take(files.lock) : undefined
  const port = server.port ?? 0
  const daemon = { pid: process.pid, port, baseUrl: `http://127.0.0.1:${port}`, startedAt: lock?.startedAtMs ?? 1 }
  writeFileSync(files.state, JSON.stringify({ version: 1, daemon, activeId: workspaces[0]?.id ?? '', workspaces }))
  writeFileSync(files.token, `${TOKEN}\n`)
  chmodSync(files.token, 0o600)
  return {
    folder,
    dataDir,
    env: { OPENWORK_DATA_DIR: dataDir },
    seen,
    [Symbol.asyncDispose]: async () => {
      await server.stop(true)
      await lock?.release()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
