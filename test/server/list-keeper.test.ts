// A server whose list of workspaces is kept by the daemon that runs it, over the daemon's real control server.
import { expect, test } from 'bun:test'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { auditList } from '../../src/api/audit.ts'
import { deletedWorkspace, managedWorkspaces } from '../../src/api/workspaces.ts'
import { ControlServer } from '../../src/orchestrator/control-server.ts'
import { ExecutableOnDisk } from '../../src/orchestrator/executable-on-disk.ts'
import type { ListedWorkspaces } from '../../src/orchestrator/listed-workspaces.ts'
import { Runtime } from '../../src/orchestrator/runtime.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { observed } from '../orchestrator/live/observed.ts'
import { watchedLog } from '../orchestrator/watched-log.ts'
import { supervised } from '../supervisor/support.ts'
import { asClient, asHost, startServer, temporaryFolder } from './start-server.ts'
import { codeOf, startUpstream } from './upstream.ts'

type Listed = { id: string; path: string; name: string }

/** What a daemon does of its list: keeps it, writes it where its server reads it, and has it read. */
class KeptList implements ListedWorkspaces {
  readonly uses: { id: string; atMs: number }[] = []
  readonly items: Listed[] = []
  readonly #file: string
  reread: () => Promise<unknown> = async () => {}

  constructor(file: string) {
    this.#file = file
  }

  readonly shown = () => []
  readonly look = async () => {}

  async add({ path, name }: { path: string; name: string | undefined }): Promise<{ id: string }> {
    if (path.endsWith('refused')) throw new OpenworkError('workspace_limit_reached', 'No more than these')
    const id = `kept-${this.items.length}`
    this.items.push({ id, path, name: name ?? 'unnamed' })
    await this.write()
    return { id }
  }

  async rename(id: string, name: string | null): Promise<void> {
    this.#find(id).name = name ?? 'unnamed'
    await this.write()
  }

  async remove(id: string, { force }: { force: boolean }): Promise<void> {
    if (this.#find(id).path.endsWith('busy') && !force) throw new OpenworkError('workspace_busy', '1 session runs')
    this.items.splice(this.items.indexOf(this.#find(id)), 1)
    await this.write()
  }

  used(id: string, atMs: number): void {
    this.uses.push({ id, atMs })
  }

  async write(): Promise<void> {
    await writeFile(this.#file, JSON.stringify({ workspaces: this.items }))
    await this.reread()
  }

  #find(id: string): Listed {
    const found = this.items.find(item => item.id === id)
    if (found) return found
    throw new OpenworkError('workspace_not_found', `The daemon knows no "${id}"`)
  }
}

/** A daemon's control server, and its openwork-server with one workspace. */
async function underDaemon(folder: string, options: Parameters<typeof startServer>[0] = {}) {
  const { run, ...supervisor } = supervised([])
  const { log } = watchedLog()
  const control = new ControlServer()
  const list = new KeptList(join(folder, 'server.json'))
  const self = { execPath: process.execPath, execArgv: [], main: import.meta.path }
  const runtime = new Runtime({
    supervisor: run,
    programs: [],
    specs: [],
    disk: new ExecutableOnDisk(self, { version: '2.0.0', env: {} }),
    env: {},
    sidecarDir: '/nowhere',
    isOpencodeExternal: false,
    ensureOpencode: () => Promise.reject(new Error('there is none')),
    ensureServer: () => Promise.reject(new Error('it is built in')),
    version: '2.0.0',
    startedAtMs: 1_000,
    workspace: '/',
    log,
  })
  control.serve({ runtime, workspaces: list, reloads: undefined, host: observed({ run, log }).host }, log)
  await mkdir(join(folder, 'first'))
  await list.add({ path: join(folder, 'first'), name: 'First' })
  const server = await startServer({
    ...options,
    folder,
    workspacesOfFile: true,
    env: {
      OPENWORK_CONTROL_BASE_URL: control.baseUrl,
      OPENWORK_CONTROL_TOKEN: control.token.reveal(),
      OPENWORK_CONTROL_WORKSPACES: '1',
    },
  })
  // As the daemon does, before it answers: the server has to read its file while it waits for that very answer.
  list.reread = () => server.post('/workspaces/reload', asHost)
  return {
    control,
    list,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await control.stop()
      await supervisor[Symbol.asyncDispose]()
    },
  }
}

test('adding, naming and forgetting go to the daemon, and are answered as ever', async () => {
  await using folder = await temporaryFolder()
  await using world = await underDaemon(folder.path)
  const { server, list } = world
  const path = join(folder.path, 'deep', 'second')

  const response = await server.post('/workspaces/local', asHost, { folderPath: path, name: 'Second' })

  expect(response.status).toBe(201)
  const created = managedWorkspaces.parse(await response.json())
  expect(created).toMatchObject({ activeId: 'kept-1', persisted: true })
  expect(created.workspaces.map(({ id, name }) => [id, name])).toEqual([
    ['kept-1', 'Second'],
    ['kept-0', 'First'],
  ])
  expect(list.items.map(({ path }) => path)).toEqual([join(folder.path, 'first'), path])
  expect(await readdir(join(path, '.opencode'))).toContain('skills')
  expect(await readdir(join(folder.path, 'first'))).toEqual([])

  const rename = (displayName: unknown) =>
    server.call('/workspaces/kept-1/display-name', {
      method: 'PATCH',
      headers: asHost,
      body: JSON.stringify({ displayName }),
    })
  const named = managedWorkspaces.parse(await (await rename(' Garden ')).json())
  expect([named.activeId, named.persisted, named.workspaces[0]?.name]).toEqual(['kept-1', true, 'Garden'])
  expect(managedWorkspaces.parse(await (await rename('')).json()).workspaces[0]?.name).toBe('unnamed')

  const removed = await server.call('/workspaces/kept-1', { method: 'DELETE', headers: asHost })
  expect(deletedWorkspace.parse(await removed.json())).toMatchObject({ activeId: 'kept-0', persisted: true })
  expect(list.items.map(({ id }) => id)).toEqual(['kept-0'])
  expect((await server.call('/workspace/kept-1/config', { headers: asClient })).status).toBe(404)
  expect(await readdir(path)).toContain('opencode.jsonc')
  await list.add({ path, name: undefined })
  const audit = await server.json('/workspace/kept-1/audit', { headers: asClient })
  expect(auditList.parse(audit.body).items.map(({ action }) => action)).toEqual([
    'workspace.delete',
    'workspace.rename',
    'workspace.rename',
    'workspace.create',
  ])
})

test('many changes at once are all made, and none waits for itself', async () => {
  await using folder = await temporaryFolder()
  await using world = await underDaemon(folder.path)
  const { server, list } = world
  const names = Array.from({ length: 8 }, (_, index) => `new-${index}`)

  const answers = await Promise.all(
    names.map(name =>
      server.post('/workspaces/local', asHost, { folderPath: join(folder.path, name), preset: 'minimal' }),
    ),
  )

  expect(answers.map(({ status }) => status)).toEqual(names.map(() => 201))
  expect(list.items).toHaveLength(9)
  const { body } = await server.json('/workspaces', { headers: asHost })
  expect((body as { items: unknown[] }).items).toHaveLength(9)
})

test('what the daemon refuses is refused in its words, and changes nothing', async () => {
  await using folder = await temporaryFolder()
  await using world = await underDaemon(folder.path)
  const { server, list, control } = world
  const create = (name: string) => server.post('/workspaces/local', asHost, { folderPath: join(folder.path, name) })
  const refusalOf = async (response: Response) => [
    response.status,
    ((await response.json()) as { message: string }).message,
  ]

  expect(await refusalOf(await create('refused'))).toEqual([409, 'No more than these'])
  list.items.splice(0) // the server has not heard of that
  const unknown = await server.call('/workspaces/kept-0', { method: 'DELETE', headers: asHost })
  expect(await refusalOf(unknown)).toEqual([404, 'The daemon knows no "kept-0"'])

  const busy = '/workspaces/kept-0'
  await list.add({ path: join(folder.path, 'busy'), name: undefined })
  const remove = (path: string) => server.call(path, { method: 'DELETE', headers: asHost })
  expect(await refusalOf(await remove(busy))).toEqual([409, '1 session runs'])
  expect(await codeOf(await remove(`${busy}?force=perhaps`))).toBe('invalid_payload')
  expect((await remove(`${busy}?force=true`)).status).toBe(200)

  const file = join(folder.path, 'server.json')
  list.reread = () => writeFile(file, '{')
  expect(await codeOf(await create('unreadable'))).toBe('invalid_config')
  list.reread = () => writeFile(file, '{"workspaces":[]}')
  expect(await codeOf(await create('forgotten'))).toBe('daemon_state_unusable')

  await control.stop()
  expect(await codeOf(await create('late'))).toBe('daemon_not_running')
  expect(await readFile(file, 'utf8')).toBe('{"workspaces":[]}')
})

test('the daemon hears when somebody begins to work somewhere, not of every request', async () => {
  await using folder = await temporaryFolder()
  await using engine = startUpstream()
  await using world = await underDaemon(folder.path, { flags: ['--opencode-base-url', engine.url] })
  const { server, list } = world
  await mkdir(join(folder.path, 'second'))
  await list.add({ path: join(folder.path, 'second'), name: undefined })
  const before = Date.now()

  for (const id of ['kept-0', 'kept-0', 'kept-1', 'kept-0'])
    expect((await server.call(`/w/${id}/opencode/session`, { headers: asClient })).status).toBe(200)

  while (list.uses.length < 2) await Bun.sleep(5)
  expect(list.uses.map(({ id }) => id).sort()).toEqual(['kept-0', 'kept-1'])
  for (const { atMs } of list.uses) expect(atMs).toBeGreaterThanOrEqual(before)
})

test('a daemon that is gone, or deaf, holds no request up', async () => {
  await using folder = await temporaryFolder()
  await using engine = startUpstream()
  await using deaf = startUpstream(() => new Promise<Response>(() => {}))
  await writeFile(join(folder.path, 'server.json'), '{"workspaces":[{"path":"project"}]}')
  for (const url of [deaf.url, 'http://127.0.0.1:9']) {
    await using server = await startServer({
      folder: folder.path,
      workspacesOfFile: true,
      flags: ['--opencode-base-url', engine.url],
      env: { OPENWORK_CONTROL_BASE_URL: url, OPENWORK_CONTROL_TOKEN: 'control', OPENWORK_CONTROL_WORKSPACES: '1' },
    })
    expect((await server.call('/opencode/session', { headers: asClient })).status).toBe(200)
  }
  while (deaf.seen.length === 0) await Bun.sleep(5)
  expect(deaf.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([['/activity', 'Bearer control']])
})

test('a host of one workspace keeps no list, and hears of no use', async () => {
  await using engine = startUpstream()
  await using control = startUpstream()
  await using server = await startServer({
    flags: ['--opencode-base-url', engine.url],
    env: { OPENWORK_CONTROL_BASE_URL: control.url, OPENWORK_CONTROL_TOKEN: 'control' },
  })
  expect((await server.call('/opencode/session', { headers: asClient })).status).toBe(200)
  const created = await server.post('/workspaces/local', asHost, { folderPath: join(server.folder, 'second') })
  expect(managedWorkspaces.parse(await created.json()).persisted).toBe(false)
  expect(control.seen).toEqual([])
})
