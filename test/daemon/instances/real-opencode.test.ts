import { expect, test } from 'bun:test'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DaemonEvent } from '../../../src/api/daemon.ts'
import { opencodeClient } from '../../../src/api/opencode-client.ts'
import { Instances } from '../../../src/daemon/instances/instances.ts'
import { secret } from '../../../src/shared/secret.ts'
import { eventually, isAlive } from '../../e2e/harness.ts'
import { listeningLog } from '../../fixtures/listening-log.ts'
import { startModelProvider, workspaceConfig } from '../../fixtures/model-provider.ts'
import { type RunningOpencode, startOpencode } from '../../fixtures/opencode.ts'

const IDLE = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
const HELD = ['busy', 'listener', 'leased']
const HOUR = { ttlMs: 3_600_000, label: '' }
const NO_USE = { lastRequestAt: null, openRequests: 0, listeners: 0 }

/** Prints its process id into its folder and serves no tools. opencode ends what it started with the instance. */
const MCP_SERVER = `
await Bun.write('mcp.pid', String(process.pid))
for await (const line of console) {
  const { id, method, params } = JSON.parse(line)
  const result = method === 'initialize'
    ? { protocolVersion: params.protocolVersion, capabilities: {}, serverInfo: { name: 'sleeper', version: '1' } }
    : {}
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
}
`

async function folders(names: readonly string[], config: object) {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'openwork-instances-')))
  for (const name of ['home', 'start', ...names]) await mkdir(join(root, name))
  const mcp = { sleeper: { type: 'local', command: [process.execPath, '-e', MCP_SERVER] } }
  for (const name of names) await writeFile(join(root, name, 'opencode.json'), JSON.stringify({ ...config, mcp }))
  return { at: (name: string) => join(root, name), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) }
}

function clientOf({ url, authorization }: RunningOpencode) {
  const [username = '', password = ''] = atob(authorization.replace('Basic ', '')).split(':')
  return opencodeClient({ baseUrl: url, username: secret(username), password: secret(password) })
}

test('of ten folders in use those go that are idle, with what was started for them; work, a client and a lease keep theirs', async () => {
  await using model = startModelProvider({ held: true, reply: 'The whole answer.' })
  await using folder = await folders([...IDLE, ...HELD], workspaceConfig(model.url))
  await using opencode = await startOpencode({ workspace: folder.at('start'), home: folder.at('home') })
  const ask = async (name: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${opencode.url}${path}?directory=${encodeURIComponent(folder.at(name))}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: opencode.authorization, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    return response.status === 204 ? undefined : await response.json()
  }
  const pidOf = async (name: string): Promise<number> => Number(await Bun.file(join(folder.at(name), 'mcp.pid')).text())
  const listeners = new Map([['listener', 1]])
  const events: DaemonEvent[] = []
  const instances = new Instances(
    { idleTimeoutMs: 500, memoryLimitBytes: undefined },
    {
      opencode: clientOf(opencode),
      activity: async () => ({
        items: HELD.map(workspaceId => ({ ...NO_USE, workspaceId, listeners: listeners.get(workspaceId) ?? 0 })),
      }),
      service: () => ({ name: 'opencode', state: 'ready', pid: opencode.pid, restarts: 0, lastLines: [] }),
      restart: async () => {},
      log: listeningLog().log,
      onEvent: event => events.push(event),
    },
  )
  await using _closing = { [Symbol.asyncDispose]: () => instances.close() }
  const disposed = (): string[] =>
    events.flatMap(each => (each.event === 'instance.disposed' ? each.data.workspaceId : []))

  for (const name of [...IDLE, ...HELD]) instances.add({ id: name, name, path: folder.at(name) })
  const lease = instances.lease('leased', HOUR)
  const whileTheyStart = [...IDLE, 'busy'].map(name => instances.lease(name, HOUR))
  // The session is opened and asked by a client of opencode itself: only its events tell.
  const session = (await ask('busy', '/session', {})) as { id: string }
  await ask('busy', `/session/${session.id}/prompt_async`, { parts: [{ type: 'text', text: 'What is the answer?' }] })
  for (const name of [...IDLE, 'listener', 'leased']) {
    instances.used(name, Date.now())
    await ask(name, '/mcp')
  }
  await model.turn(0)
  const pids = new Map(await Promise.all(IDLE.map(async name => [name, await pidOf(name)] as const)))
  expect((await instances.engine()).children).toBe(IDLE.length + HELD.length)
  for (const { id } of whileTheyStart) instances.releaseLease(id)

  await eventually('the idle ones are gone', () => disposed().length >= IDLE.length)
  expect(disposed().toSorted()).toEqual(IDLE.toSorted())
  for (const pid of pids.values()) await eventually(`process ${pid} is gone`, () => !isAlive(pid))
  await instances.refresh()
  expect(instances.status('busy')).toMatchObject({ state: 'busy', work: { sessions: [session.id] } })
  expect(instances.status('listener')).toMatchObject({ state: 'held', listeners: 1 })
  expect(instances.status('leased')).toMatchObject({ state: 'held', leases: [lease] })
  for (const name of HELD) expect(isAlive(await pidOf(name))).toBe(true)

  model.release()
  expect(await (await model.turn(0)).ended).toBe('answered')
  listeners.clear()
  instances.releaseLease(lease.id)
  await eventually('all are gone', () => disposed().length === IDLE.length + HELD.length)
  await eventually('no process is left', async () => (await instances.engine()).children === 0)
  expect(JSON.stringify(await ask('busy', `/session/${session.id}/message`))).toContain('The whole answer.')
}, 60_000)
