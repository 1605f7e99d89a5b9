import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { capabilities } from '../../src/api/capabilities.ts'
import { workspaceConfig } from '../../src/api/config.ts'
import { failureBody } from '../../src/api/failure.ts'
import { health } from '../../src/api/health.ts'
import { status } from '../../src/api/status.ts'
import { whoami } from '../../src/api/whoami.ts'
import { activatedWorkspace, workspaceList } from '../../src/api/workspaces.ts'
import { VERSION } from '../../src/shared/version.ts'
import { asClient, asHost, startServer, temporaryFolder } from './start-server.ts'

const OPENCODE = ['--opencode-base-url', 'http://127.0.0.1:1', '--opencode-username', 'opencode']
const OPENCODE_ENV = { OPENWORK_OPENCODE_PASSWORD: 'engine-password' }

test('health needs no token and tells the version', async () => {
  await using server = await startServer()
  const { status: code, body } = await server.json('/health')
  expect(code).toBe(200)
  expect(health.parse(body).version).toBe(VERSION)
})

test('status describes the server and its active workspace', async () => {
  await using server = await startServer({ flags: OPENCODE, env: OPENCODE_ENV })
  const { body } = await server.json('/status', { headers: asClient })
  expect(status.parse(body)).toMatchObject({
    readOnly: false,
    approval: { mode: 'manual', timeoutMs: 30_000 },
    corsOrigins: [],
    workspaceCount: 1,
    activeWorkspaceId: server.workspaceId,
    workspace: { path: server.workspace, opencode: { username: 'opencode', password: 'engine-password' } },
    authorizedRoots: [server.workspace],
    server: { host: '127.0.0.1', port: 0, configPath: join(server.folder, 'server.json') },
    tokenSource: { client: 'env', host: 'env' },
  })
})

test('capabilities promise only what is there', async () => {
  await using server = await startServer({ flags: OPENCODE })
  const { body } = await server.json('/capabilities', { headers: asClient })
  expect(capabilities.parse(body)).toMatchObject({
    config: { read: true, write: true },
    workspaces: { manage: true },
    reload: { events: true, stream: true, engine: true },
    runtime: { available: false },
    proxy: { opencode: true, opencodeWrite: true, opencodeRouter: false },
    tokens: { scoped: true, scopes: ['owner', 'collaborator', 'viewer'] },
    sandbox: { enabled: false, backend: 'none' },
  })
})

test('capabilities name the browser and the sandbox the environment announces', async () => {
  await using server = await startServer({
    flags: ['--read-only'],
    env: { OPENWORK_BROWSER_PROVIDER: 'sandbox-headless', OPENWORK_SANDBOX_BACKEND: 'docker' },
  })
  const { body } = await server.json('/capabilities', { headers: asClient })
  const parsed = capabilities.parse(body)
  expect(parsed.sandbox).toEqual({ enabled: true, backend: 'docker' })
  expect(parsed.toolProviders.browser).toEqual({ enabled: true, placement: 'in-sandbox', mode: 'headless' })
  expect(parsed).toMatchObject({ config: { write: false }, workspaces: { manage: false } })
  expect(parsed.proxy.opencodeWrite).toBe(false)
})

test('whoami tells clients and hosts apart', async () => {
  await using server = await startServer()
  const client = await server.json('/whoami', { headers: { ...asClient, 'x-openwork-client-id': 'phone' } })
  expect(whoami.parse(client.body).actor).toMatchObject({ type: 'remote', clientId: 'phone', scope: 'collaborator' })
  const host = await server.json('/whoami', { headers: asHost })
  expect(whoami.parse(host.body).actor).toMatchObject({ type: 'host', scope: 'owner' })
})

test('the workspace list carries the credentials that clients need', async () => {
  await using server = await startServer({ flags: OPENCODE, env: OPENCODE_ENV })
  const { body } = await server.json('/workspaces', { headers: asClient })
  const list = workspaceList.parse(body)
  expect(list.activeId).toBe(server.workspaceId)
  expect(list.workspaces).toEqual(list.items)
  expect(list.items[0]).toMatchObject({
    path: server.workspace,
    opencode: {
      baseUrl: 'http://127.0.0.1:1',
      directory: server.workspace,
      username: 'opencode',
      password: 'engine-password',
    },
  })
})

test('viewers see no credentials anywhere', async () => {
  await using folder = await temporaryFolder()
  const peer = { workspaceType: 'remote', baseUrl: 'http://127.0.0.1:2', openworkToken: 'peer-token' }
  await writeFile(join(folder.path, 'server.json'), JSON.stringify({ workspaces: [{ path: 'project' }, peer] }))
  await using server = await startServer({
    folder: folder.path,
    workspacesOfFile: true,
    flags: OPENCODE,
    env: OPENCODE_ENV,
  })
  const viewer = await server.tokenOf('viewer')
  for (const path of [
    '/workspaces',
    '/status',
    `/w/${server.workspaceId}/workspaces`,
    `/w/${server.workspaceId}/status`,
  ]) {
    const text = await (await server.call(path, { headers: viewer })).text()
    expect(text).toContain('"opencode":{"baseUrl"')
    expect(text).not.toMatch(/engine-password|peer-token|"username"/)
  }
})

test('activating a workspace puts it first', async () => {
  await using folder = await temporaryFolder()
  const second = join(folder.path, 'second')
  await using server = await startServer({ folder: folder.path, flags: ['--workspace', second] })
  const id = server.settings.workspaces[1]?.id ?? ''
  const response = await server.post(`/workspaces/${id}/activate`, asHost)
  expect(activatedWorkspace.parse(await response.json())).toMatchObject({ activeId: id, workspace: { path: second } })
  const { body } = await server.json('/workspaces', { headers: asClient })
  expect(workspaceList.parse(body).items.map(item => item.path)).toEqual([second, server.workspace])
})

test('activation is the host’s, and of a workspace that exists', async () => {
  await using server = await startServer()
  const asStranger = await server.post(`/workspaces/${server.workspaceId}/activate`, asClient)
  expect(failureBody.parse(await asStranger.json()).code).toBe('unauthorized')
  const unknown = await server.post('/workspaces/ws_unknown/activate', asHost)
  expect([unknown.status, failureBody.parse(await unknown.json()).code]).toEqual([404, 'workspace_not_found'])
})

test('config reads JSONC with comments, and a missing file as empty', async () => {
  await using server = await startServer()
  const path = `/workspace/${server.workspaceId}/config`
  expect((await server.json(path, { headers: asClient })).body).toEqual({ opencode: {}, openwork: {}, updatedAt: null })
  await writeFile(join(server.workspace, 'opencode.jsonc'), '{ // mine\n "model": "a/b", }')
  await mkdir(join(server.workspace, '.opencode'))
  await writeFile(join(server.workspace, '.opencode', 'openwork.json'), '{"version":1}')
  const { body } = await server.json(path, { headers: asClient })
  expect(workspaceConfig.parse(body)).toEqual({ opencode: { model: 'a/b' }, openwork: { version: 1 }, updatedAt: null })
})

test('a broken config file is named with its place', async () => {
  await using server = await startServer()
  await writeFile(join(server.workspace, 'opencode.json'), '{"model": }')
  const { status: code, body } = await server.json(`/workspace/${server.workspaceId}/config`, { headers: asClient })
  expect(code).toBe(422)
  expect(body).toMatchObject({ code: 'invalid_jsonc', details: [{ offset: 10 }] })
})

test('a workspace outside the authorized roots is refused', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'server.json'), JSON.stringify({ authorizedRoots: ['elsewhere'] }))
  await using server = await startServer({ folder: folder.path })
  const { status: code, body } = await server.json(`/workspace/${server.workspaceId}/config`, { headers: asClient })
  expect(code).toBe(403)
  expect(body).toMatchObject({ code: 'workspace_unauthorized' })
})

test('the mount of a workspace answers as a server of that workspace alone', async () => {
  await using server = await startServer()
  const mount = `/w/${server.workspaceId}`
  expect((await server.json(`${mount}/health`)).status).toBe(200)
  const mounted = async (path: string): Promise<unknown> =>
    (await server.json(`${mount}${path}`, { headers: asClient })).body
  expect(capabilities.safeParse(await mounted('/capabilities')).success).toBe(true)
  expect(whoami.safeParse(await mounted('/whoami')).success).toBe(true)
  expect(status.parse(await mounted('/status'))).toMatchObject({
    workspaceCount: 1,
    activeWorkspaceId: server.workspaceId,
  })
  expect(await mounted('/workspaces')).not.toHaveProperty('workspaces')
  expect(workspaceConfig.safeParse(await mounted(`/workspace/${server.workspaceId}/config`)).success).toBe(true)
})

test('the mount of an unknown workspace is 404 for every route', async () => {
  await using server = await startServer()
  for (const path of [
    'health',
    'status',
    'capabilities',
    'whoami',
    'workspaces',
    'opencode/session',
    'opencode-router/health',
  ]) {
    const { status: code, body } = await server.json(`/w/ws_unknown/${path}`, { headers: asClient })
    expect([path, code, failureBody.parse(body).code]).toEqual([path, 404, 'workspace_not_found'])
  }
})

test('a mount reaches no other workspace', async () => {
  await using server = await startServer()
  const { status: code, body } = await server.json(`/w/other/workspace/${server.workspaceId}/config`, {
    headers: asClient,
  })
  expect([code, failureBody.parse(body).code]).toEqual([404, 'not_found'])
})

test('unknown paths, methods and trailing slashes are 404 before any token is asked for', async () => {
  await using server = await startServer()
  const cases: [string, string][] = [
    ['GET', '/nope'],
    ['GET', '/'],
    ['GET', '/health/'],
    ['POST', '/health'],
    ['PUT', '/tokens'],
    ['GET', `/w/${server.workspaceId}`],
    ['GET', `/w/${server.workspaceId}/tokens`],
    ['GET', '/approvals/1'],
  ]
  for (const [method, path] of cases) {
    const { status: code, body } = await server.json(path, { method })
    expect([method, path, code, body]).toEqual([method, path, 404, { code: 'not_found', message: 'No such route' }])
  }
})

test('HEAD is answered like GET, without a body', async () => {
  await using server = await startServer()
  for (const path of ['/health', '/workspaces']) {
    const response = await server.call(path, { method: 'HEAD', headers: asClient })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toStartWith('application/json')
    expect(await response.text()).toBe('')
  }
})

test('the router’s paths ask for the right token although there is no router', async () => {
  await using server = await startServer()
  const viewer = await server.tokenOf('viewer')
  const codeOf = async (path: string, headers: Record<string, string>, method = 'GET'): Promise<unknown> => {
    const { body } = await server.json(path, { headers, method })
    return failureBody.parse(body).code
  }
  expect(await codeOf('/opencode-router/health', viewer)).toBe('opencodeRouter_unconfigured')
  expect(await codeOf('/opencode-router/bindings', viewer)).toBe('forbidden')
  expect(await codeOf('/opencode-router/identities/slack', asClient)).toBe('opencodeRouter_unconfigured')
  expect(await codeOf('/opencode-router/identities/slack/', asHost)).toBe('opencodeRouter_unconfigured')
  expect(await codeOf('/opencode-router/config/groups', asClient)).toBe('unauthorized')
  expect(await codeOf('/opencode-router/send', asClient, 'POST')).toBe('unauthorized')
  expect(await codeOf('/opencode-router/send', asHost, 'POST')).toBe('opencodeRouter_unconfigured')
  expect(await codeOf(`/w/${server.workspaceId}/opencode-router/health`, asClient)).toBe('opencodeRouter_unconfigured')
})
