// Hot reload of the real opencode: what it does with a session when its instance goes is its own matter, and no stand-in's.
import { afterEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { opencodeClient } from '../../src/api/opencode-client.ts'
import { openFileWatches } from '../../src/hot-reload/file-watches.ts'
import { HotReloads } from '../../src/hot-reload/hot-reloads.ts'
import { reloadEngine } from '../../src/hot-reload/opencode-reload-engine.ts'
import { secret } from '../../src/shared/secret.ts'
import { eventually } from '../e2e/harness.ts'
import { type ModelProviderOptions, startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { isolatedEnv, startOpencode } from '../fixtures/opencode.ts'
import { watchedLog } from '../orchestrator/watched-log.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hot-reload-')))
  folders.push(folder)
  return folder
}

/** opencode with hot reload of one folder, whose model does as it is told. */
async function setUp(options: ModelProviderOptions, config: object = {}) {
  const [workspace, home] = [newFolder(), newFolder()]
  const model = startModelProvider(options)
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(workspace, path)), { recursive: true })
    writeFileSync(join(workspace, path), text)
  }
  write('opencode.json', JSON.stringify({ ...workspaceConfig(model.url), ...config }))
  const opencode = await startOpencode({ workspace, home })
  const [username = '', password = ''] = atob(opencode.authorization.replace('Basic ', '')).split(':')
  const client = opencodeClient({ baseUrl: opencode.url, username: secret(username), password: secret(password) })
  const { log } = watchedLog()
  const watches = openFileWatches({ env: isolatedEnv(home), log, configSchema: () => client.configSchema() })
  const reloads = new HotReloads({
    watches: options => watches.follow(options),
    engine: reloadEngine(client, {
      directories: () => [workspace],
      restart: () => Promise.reject(new Error('nothing here asks for it')),
    }),
    options: { enabled: true, debounceMs: 50, cooldownMs: 0, deadlineMs: 600_000 },
    log,
    onEvent: () => {},
  })
  reloads.follow(workspace, { readAtMs: undefined })
  const ask = async (path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${opencode.url}${path}?directory=${encodeURIComponent(workspace)}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: opencode.authorization, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    })
    expect(response.status, path).toBeLessThan(300)
    const text = await response.text()
    return text === '' ? undefined : JSON.parse(text)
  }
  const { id } = (await ask('/session', {})) as { id: string }
  const status = () => reloads.status(workspace)
  return {
    workspace,
    model,
    client,
    reloads,
    session: id,
    write,
    ask,
    status,
    /** Asks the model; resolves when its answer is complete. */
    prompt: () => ask(`/session/${id}/message`, { parts: [{ type: 'text', text: 'What is the answer?' }] }),
    /** opencode keeps it among its own, and nowhere else. */
    becomes: (state: string) => eventually(`it to become ${state}`, () => status()?.state === state),
    async [Symbol.asyncDispose]() {
      reloads.close()
      await watches.close()
      model.release()
      await Promise.all([opencode.stop(), model.stop()])
    },
  }
}

test('an answer that streams is not cut by any number of changes; one reload comes after it', async () => {
  await using it = await setUp({ held: true, reply: 'The answer is forty-two.' })
  const answer = it.prompt()
  const turn = await it.model.turn(0)
  for (let count = 0; count < 50; count += 1) it.write('.opencode/command/foo.md', `Say ${count}`)
  await it.becomes('waiting')
  expect(it.status()?.waitingFor?.sessions).toEqual([it.session])
  await expect(it.reloads.reload(it.workspace, { force: false })).rejects.toMatchObject({ code: 'workspace_busy' })
  expect((await it.client.served(it.workspace)).commands).not.toContain('foo')
  it.model.release()
  expect(JSON.stringify(await answer)).toContain('forty-two')
  expect(await turn.ended).toBe('answered')
  await it.becomes('current')
  expect(it.status()).toMatchObject({ reloads: 1, last: { extent: 'instance', changes: [{ name: 'foo' }] } })
  expect((await it.client.served(it.workspace)).commands).toContain('foo')
  // The session goes on in the new instance.
  expect(JSON.stringify(await it.prompt())).toContain('forty-two')
}, 60_000)

test('a permission that waits for a person is not taken away', async () => {
  const reply: ModelProviderOptions['reply'] = messages =>
    messages.some(({ role }) => role === 'tool')
      ? 'It was done.'
      : { tool: 'bash', arguments: { command: 'echo forty-two', description: 'Says the answer' } }
  await using it = await setUp({ reply }, { permission: { bash: 'ask' } })
  const answer = it.prompt()
  await eventually('the question', async () => (await it.client.work(it.workspace)).permissions.length === 1)
  it.write('.opencode/agent/bar.md', '---\ndescription: Another\nmode: subagent\n---\nBe brief.')
  await it.becomes('waiting')
  const [permission] = it.status()?.waitingFor?.permissions ?? []
  await it.ask(`/permission/${permission}/reply`, { reply: 'once' })
  expect(JSON.stringify(await answer)).toContain('It was done.')
  await it.becomes('current')
  expect(it.status()?.reloads).toBe(1)
  expect((await it.client.served(it.workspace)).agents).toContain('bar')
}, 60_000)

test('a config that opencode refuses is told with its place, by opencode and before it', async () => {
  await using it = await setUp({})
  it.write('opencode.json', '{ "provider": { "x": { "options": { "apiKey": "sk-never-shown" } } ')
  await it.becomes('blocked')
  expect(it.status()?.problems).toMatchObject([{ path: join(it.workspace, 'opencode.json'), line: 1 }])
  // Another folder with the same config, which opencode reads by itself.
  const other = newFolder()
  writeFileSync(join(other, 'opencode.json'), '{ "provider": { "x": { "options": { "apiKey": "sk-never-shown" } } ')
  const refusal = await it.client.served(other).catch((error: unknown) => error)
  expect(refusal).toMatchObject({
    code: 'opencode_config_invalid',
    details: { problems: [{ path: join(other, 'opencode.json'), line: 1 }] },
  })
  expect(JSON.stringify(refusal) + String(refusal)).not.toContain('sk-never-shown')
  writeFileSync(join(other, 'opencode.json'), '{}')
  await expect(it.client.dispose(other)).rejects.toMatchObject({ code: 'opencode_config_invalid' })
}, 60_000)
