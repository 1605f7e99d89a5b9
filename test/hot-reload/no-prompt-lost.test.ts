// Prompts that come through openwork-server while hot reload ends instances of the real opencode, at whatever moment.
import { expect, test } from 'bun:test'
import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { opencodeClient } from '../../src/api/opencode-client.ts'
import { openFileWatches } from '../../src/hot-reload/file-watches.ts'
import { HotReloads } from '../../src/hot-reload/hot-reloads.ts'
import { reloadEngine } from '../../src/hot-reload/opencode-reload-engine.ts'
import { requestHolds } from '../../src/orchestrator/request-holds.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { secret } from '../../src/shared/secret.ts'
import { eventually } from '../e2e/harness.ts'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { isolatedEnv, startOpencode } from '../fixtures/opencode.ts'
import { watchedLog } from '../orchestrator/watched-log.ts'
import { asClient, HOST_TOKEN, startServer, temporaryFolder } from '../server/start-server.ts'

const REPLY = 'The answer is forty-two, and that is all of it.'
const PROMPTS = 30
const RELOADS = 15
/** Before the next prompt: from while a reload is being decided on to when it is done. */
const MAX_PAUSE_MS = 120
/** Changes that come right after reloads are taken for a loop at some time, unless somebody asks for a reload. */
const BY_HAND_EVERY = 8

test('every prompt gets its whole answer, though one reload follows the other', async () => {
  await using folder = await temporaryFolder()
  const root = await realpath(folder.path)
  const [workspace, home] = [join(root, 'project'), join(root, 'home')]
  await mkdir(join(workspace, '.opencode', 'command'), { recursive: true })
  await mkdir(home)
  await using model = startModelProvider({ reply: REPLY })
  await writeFile(join(workspace, 'opencode.json'), JSON.stringify(workspaceConfig(model.url)))
  await using opencode = await startOpencode({ workspace, home })
  const [username = '', password = ''] = atob(opencode.authorization.replace('Basic ', '')).split(':')
  await using server = await startServer({
    folder: root,
    flags: ['--opencode-base-url', opencode.url],
    env: { OPENWORK_OPENCODE_USERNAME: username, OPENWORK_OPENCODE_PASSWORD: password },
  })
  const client = opencodeClient({ baseUrl: opencode.url, username: secret(username), password: secret(password) })
  const { log } = watchedLog()
  const watches = openFileWatches({ env: isolatedEnv(home), log, configSchema: () => client.configSchema() })
  let reloaded = 0
  const change = () => writeFile(join(workspace, '.opencode', 'command', 'often.md'), `Say ${reloaded}`)
  const reloads = new HotReloads({
    watches: options => watches.follow(options),
    engine: reloadEngine(client, {
      directories: () => [workspace],
      restart: () => Promise.reject(new Error('nothing here asks for it')),
      hold: requestHolds({ baseUrl: server.url, hostToken: HOST_TOKEN }, log),
    }),
    options: { enabled: true, debounceMs: 50, cooldownMs: 100, deadlineMs: 600_000 },
    log,
    onEvent: ({ report }) => {
      if (!report) return
      reloaded += 1
      void change()
    },
  })
  /** Whether it was done. */
  const askForReload = async (): Promise<boolean> => {
    try {
      await reloads.reload(workspace, { force: false })
      return true
    } catch (error) {
      if (error instanceof OpenworkError && error.code === 'workspace_busy') return false
      throw error
    }
  }
  const ask = async (path: string, body?: object): Promise<string> => {
    const headers = { ...asClient, 'content-type': 'application/json' }
    const init = { method: body ? 'POST' : 'GET', headers, ...(body && { body: JSON.stringify(body) }) }
    const answer = await server.call(`/w/${server.workspaceId}/opencode${path}`, init)
    expect(answer.status, path).toBeOneOf([200, 204])
    return await answer.text()
  }
  const newSession = async (): Promise<string> => (JSON.parse(await ask('/session', {})) as { id: string }).id
  const prompt = { parts: [{ type: 'text', text: 'What is the answer?' }] }
  try {
    reloads.follow(workspace, { readAtMs: undefined })
    await change()
    for (let count = 1; count <= PROMPTS || reloaded < RELOADS; count += 1) {
      const session = await newSession()
      const asked = count % BY_HAND_EVERY === 0 ? askForReload() : undefined
      await Bun.sleep(Math.random() * MAX_PAUSE_MS)
      expect(await ask(`/session/${session}/message`, prompt), `prompt ${count}`).toContain(REPLY)
      await asked
    }
    // opencode takes this one at once, and shows its work later, in a new instance above all.
    await eventually('a reload', askForReload)
    const session = await newSession()
    await ask(`/session/${session}/prompt_async`, prompt)
    expect(await askForReload()).toBe(false)
    await eventually('its answer', async () => (await ask(`/session/${session}/message`)).includes(REPLY))
  } finally {
    reloads.close()
    await watches.close()
  }
}, 120_000)
