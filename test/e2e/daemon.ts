// What the tests of the daemon share: its commands as scripts call them, and how clients reach what it serves.
import type { DaemonStatus, DaemonWorkspace } from '../../src/api/daemon.ts'
import { type DaemonClient, daemonClient } from '../../src/api/daemon-client.ts'
import { issuedToken } from '../../src/api/tokens.ts'
import { findDaemon } from '../../src/daemon/find-daemon.ts'
import { LIMIT_MS, newWorld, type RunOptions, type World } from './harness.ts'

export type Changed = { ok: boolean; activeId: string; workspace: DaemonWorkspace }
export type ShownStatus = DaemonStatus & { baseUrl: string }

/** A world whose daemon takes free ports and forgets nothing by itself. */
export async function newDaemonWorld(config: object = {}, env: Record<string, string> = {}): Promise<World> {
  const world = await newWorld(config)
  Object.assign(world.env, { OPENWORK_PORT: '0', OPENWORK_IDLE_TIMEOUT: '0', ...env })
  return world
}

/** The answer of a command that must succeed, as scripts read it: without `--json`. */
export async function answerOf<Answer = Changed>(
  world: World,
  args: readonly string[],
  options?: RunOptions,
): Promise<Answer> {
  const { code, stdout, stderr } = await world.run(args, options)
  if (code !== 0) throw new Error(`openwork ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
  return JSON.parse(stdout) as Answer
}

export const statusOf = (world: World): Promise<ShownStatus> => answerOf<ShownStatus>(world, ['daemon', 'status'])

/** A client of the daemon that runs. */
export async function clientOf({ dataDir }: World): Promise<DaemonClient & { baseUrl: string; token: string }> {
  const found = await findDaemon(dataDir)
  if (found.state !== 'running') throw new Error(`the daemon is ${found.state}`)
  const { baseUrl, token } = found
  return { ...daemonClient({ baseUrl, token, timeoutMs: LIMIT_MS }), baseUrl, token: token.reveal() }
}

/** A paired device. */
export type Phone = {
  ask(path: string, init?: RequestInit): Promise<Response>
  /** What it is told it may open. */
  folders(): Promise<string[]>
  /** The answer of the agent to a prompt in a new session of a workspace. */
  prompt(workspaceId: string, text: string): Promise<string>
}

/** Pairs by the code that `openwork pair` shows. */
export async function pairPhone(world: World): Promise<Phone> {
  const { code, connectUrl } = await answerOf<{ code: string; connectUrl: string }>(world, ['pair', '--json'])
  const claimed = await fetch(`${connectUrl}/pairings/claim`, { method: 'POST', body: JSON.stringify({ code }) })
  const { token } = issuedToken.parse(await claimed.json())
  const ask: Phone['ask'] = (path, init) =>
    fetch(`${connectUrl}${path}`, {
      signal: AbortSignal.timeout(LIMIT_MS),
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init?.headers },
    })
  const post = async (path: string, body: unknown): Promise<Response> =>
    ask(path, { method: 'POST', body: JSON.stringify(body) })
  return {
    ask,
    folders: async () => {
      const { items } = (await (await ask('/workspaces')).json()) as { items: { path: string }[] }
      return items.map(({ path }) => path).sort()
    },
    prompt: async (id, text) => {
      const session = (await (await post(`/w/${id}/opencode/session`, {})).json()) as { id: string }
      const parts = [{ type: 'text', text }]
      return await (await post(`/w/${id}/opencode/session/${session.id}/message`, { parts })).text()
    },
  }
}
