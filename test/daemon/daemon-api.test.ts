import { expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { daemonAlive, daemonStatus } from '../../src/api/daemon.ts'
import { daemonClient } from '../../src/api/daemon-client.ts'
import { failureBody } from '../../src/api/failure.ts'
import { DaemonApi } from '../../src/daemon/daemon-api.ts'
import { DAEMON_ROUTES } from '../../src/daemon/routes/index.ts'
import { secret } from '../../src/shared/secret.ts'
import { VERSION } from '../../src/shared/version.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { freePort } from '../supervisor/support.ts'
import { failureOf } from './failure-of.ts'
import { startApi } from './start-api.ts'

const post = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) })

test('workspaces are added, found, switched and removed', async () => {
  await using daemon = await startApi()
  const { client, asked } = daemon
  const [a, b] = [daemon.newFolder('a'), daemon.newFolder('b')]
  const { activeId, workspace } = await client.addWorkspace({ path: a })
  expect([activeId, workspace.path]).toEqual([workspace.id, a])
  const second = (await client.addWorkspace({ path: b, name: 'Zwei / 2' })).workspace
  expect((await client.workspaces()).workspaces).toEqual([workspace, second])
  for (const wanted of [second.id, 'Zwei / 2', b])
    expect(await client.workspace(wanted)).toMatchObject({ workspace: second, instance: { state: 'busy' } })
  expect((await client.activate(b)).activeId).toBe(second.id)
  expect((await client.path(second.id)).path.directory).toBe(b)
  expect(await client.removeWorkspace(second.id)).toMatchObject({ activeId: workspace.id, removed: { id: second.id } })
  expect((await failureOf(client.workspace(second.id))).code).toBe('workspace_not_found')
  // The server knows of a removal before the instance goes.
  expect(asked.slice(-3)).toEqual([`requireFree ${second.id} false`, 'published', `remove ${second.id}`])
  expect((await client.removeWorkspace('a', { force: true })).ended?.sessions).toEqual(['ses_1'])
})

test('who adds a workspace hears what may not be what was meant', async () => {
  await using daemon = await startApi()
  const { client } = daemon
  const plain = { activeId: expect.any(String), workspace: expect.any(Object) }
  const path = daemon.newFolder('a')
  expect(await client.addWorkspace({ path })).toEqual(plain)
  expect(await client.addWorkspace({ path })).toEqual({ ...plain, wasListed: true })
  const made = await client.addWorkspace({ path: join(daemon.root, 'served-twice'), name: 'a' })
  expect(made).toEqual({ ...plain, created: true, notes: [expect.stringContaining('"a"'), 'served by another one'] })
  expect((await client.addRemote({ baseUrl: 'https://box', name: 'a' })).notes).toHaveLength(1)
})

test('instances are disposed of, reloaded and leased', async () => {
  await using daemon = await startApi()
  const { client, asked } = daemon
  const { workspace } = await client.addWorkspace({ path: daemon.newFolder('a') })
  expect((await failureOf(client.dispose('a'))).code).toBe('workspace_busy')
  expect(await client.dispose('a', { force: true })).toBe(true)
  expect((await client.reload('a', { force: true })).after.skills).toBe(3)
  expect(asked).toContain(`reload ${workspace.path} true`)
  // As the published daemon is asked: without any body.
  expect((await daemon.call(`/instances/${workspace.id}/dispose`, { method: 'POST' })).status).toBe(409)

  const lease = await client.lease('a', { label: 'build' })
  expect(lease).toMatchObject({ workspaceId: workspace.id, label: 'build', expiresAt: 3_600_000 })
  expect((await client.renewLease(lease.id, { ttlMs: 5_000 })).expiresAt).toBe(5_000)
  await client.releaseLease(lease.id)
  expect((await failureOf(client.releaseLease(lease.id))).code).toBe('lease_not_found')
})

test('what ends with the daemon is told to whoever stops it', async () => {
  await using daemon = await startApi()
  expect(await daemon.client.shutdown()).toEqual([])
  const { workspace } = await daemon.client.addWorkspace({ path: daemon.newFolder('a') })
  expect(await daemon.client.shutdown()).toMatchObject([
    { workspaceId: workspace.id, name: 'a', work: { sessions: ['ses_1'] } },
  ])
  expect(daemon.asked).toContain('shutDown')
})

test('a remote workspace is not ours to reload or to hold', async () => {
  await using daemon = await startApi()
  await daemon.client.addRemote({ baseUrl: 'http://box:4096', name: 'box' })
  expect((await failureOf(daemon.client.reload('box'))).code).toBe('workspace_not_local')
  expect((await failureOf(daemon.client.lease('box'))).code).toBe('workspace_not_local')
})

test('without the token nothing is told but that it runs', async () => {
  await using daemon = await startApi()
  const { baseUrl } = daemon.api
  const alive: unknown = await (await fetch(`${baseUrl}/health`)).json()
  expect(alive).toEqual({ ok: true, version: VERSION })
  expect(daemonAlive.safeParse(alive).success).toBe(true)
  const known: unknown = await (await daemon.call('/health')).json()
  expect(daemonStatus.extend(daemonAlive.shape).parse(known)).toMatchObject({ workspaceCount: 0, version: VERSION })

  const wrong = ['', 'Bearer', 'Bearer x', `Basic ${daemon.token.reveal()}`, `Bearer ${daemon.token.reveal().slice(1)}`]
  for (const route of DAEMON_ROUTES) {
    if (route.kind === 'stream') throw new Error('there is none')
    const url = `${baseUrl}${route.path.replace(':id', 'x')}`
    for (const authorization of wrong) {
      const { status } = await fetch(url, { method: route.method, headers: authorization ? { authorization } : {} })
      const mayPass = route.path === '/health' && authorization === ''
      expect([route.path, authorization, status]).toEqual([route.path, authorization, mayPass ? 200 : 401])
    }
  }
  expect(daemon.asked).toEqual([])
  expect(daemon.lines.join()).not.toContain(daemon.token.reveal())
})

test('other names for this machine are refused, whatever comes with them', async () => {
  await using daemon = await startApi()
  const asked = (host: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { host, authorization: `Bearer ${daemon.token.reveal()}` }
      request(`${daemon.api.baseUrl}/status`, { headers }, answer => resolve(answer.resume().statusCode ?? 0))
        .on('error', reject)
        .end()
    })
  const refused = await daemon.call('/status', { headers: { host: 'attacker.example' } })
  expect(failureBody.parse(await refused.json()).message).toEndWith('. Use 127.0.0.1')
  expect(await asked('attacker.example')).toBe(403)
  expect(await asked(`attacker.example:${daemon.api.port}`)).toBe(403)
  expect(await asked(`localhost:${daemon.api.port}`)).toBe(200)
})

test('a web page may change nothing, and ask for nothing, unless its origin is listed', async () => {
  await using daemon = await startApi({ cors: ['https://app.example'] })
  const headers = (origin: string) => ({ origin })
  for (const path of ['/shutdown', '/workspaces', '/instances/a/dispose'])
    expect((await daemon.call(path, { ...post({}), headers: headers('https://evil.example') })).status).toBe(403)
  expect(daemon.asked).toEqual([])
  await daemon.client.addWorkspace({ path: daemon.newFolder('a') })
  const reading = await daemon.call('/workspaces/a/path', { headers: headers('https://evil.example') })
  expect([reading.status, reading.headers.get('access-control-allow-origin')]).toEqual([403, null])
  expect(failureBody.parse(await reading.json())).toMatchObject({ code: 'origin_not_allowed' })
  expect((await daemon.call('/health', { headers: headers('https://evil.example') })).status).toBe(403)
  expect(daemon.asked).toEqual(['published'])
  const preflight = { method: 'OPTIONS', headers: headers('https://app.example') }
  expect((await daemon.call('/shutdown', preflight)).status).toBe(204)
  const listed = await daemon.call('/shutdown', { ...post({}), headers: headers('https://app.example') })
  expect([listed.status, listed.headers.get('access-control-allow-origin')]).toEqual([200, 'https://app.example'])
})

test('bodies that are too long, no JSON, or of the wrong kind are refused in our own words', async () => {
  await using daemon = await startApi()
  const codeOf = async (path: string, init: RequestInit): Promise<unknown> => {
    const answer = await daemon.call(path, init)
    return [answer.status, failureBody.parse(await answer.json()).code]
  }
  const long = 'x'.repeat(100_000)
  expect(await codeOf('/workspaces', post({ path: `/${long}` }))).toEqual([413, 'body_too_large'])
  expect(await codeOf('/workspaces', post({ path: 'x'.repeat(20_000_000) }))).toEqual([413, 'body_too_large'])
  const chunks = new Response(JSON.stringify({ path: `/${long}` })).body
  expect(await codeOf('/workspaces', { method: 'POST', body: chunks })).toEqual([413, 'body_too_large'])
  expect(await codeOf('/workspaces', { method: 'POST', body: '{' })).toEqual([400, 'invalid_json'])
  expect(await codeOf('/workspaces', { method: 'POST' })).toEqual([400, 'invalid_json'])
  for (const body of [null, [], {}, { path: 1 }, { path: '' }, { path: '/a', name: '' }, { path: 'relative' }])
    expect(await codeOf('/workspaces', post(body))).toEqual([400, 'invalid_payload'])
  for (const body of [{ baseUrl: 'ftp://x' }, { baseUrl: 'nonsense' }, { baseUrl: 'http://x/?a' }, { baseUrl: 7 }])
    expect(await codeOf('/workspaces/remote', post(body))).toEqual([400, 'invalid_payload'])
  expect(await codeOf('/workspaces/x/leases', post({ ttlMs: 1 }))).toEqual([400, 'invalid_payload'])
  expect(await codeOf('/nowhere', {})).toEqual([404, 'not_found'])
  expect(await codeOf('/workspaces/%E0', {})).toEqual([400, 'invalid_path'])
  expect(daemon.list.size).toBe(0)
})

test('changes are in the log, with how long they took; looks only for who wants to see all', async () => {
  await using daemon = await startApi({ minimum: 'info' })
  await daemon.client.addWorkspace({ path: daemon.newFolder('a') })
  await daemon.client.status()
  await failureOf(daemon.client.workspace('b'))
  expect(daemon.lines).toEqual([
    expect.stringMatching(/POST \/workspaces 200 \d+ms/),
    expect.stringMatching(/GET \/workspaces\/b 404 \d+ms/),
  ])
})

test('of several workspaces of one name all ids are told', async () => {
  await using daemon = await startApi()
  const ids: string[] = []
  for (const name of ['a', 'b'])
    ids.push((await daemon.client.addWorkspace({ path: daemon.newFolder(name), name: 'same' })).workspace.id)
  const failure = await failureOf(daemon.client.workspace('same'))
  expect(failure.code).toBe('workspace_ambiguous')
  expect(failure.message).toContain(ids.join(', '))
})

test('who listens hears how it is, then what happens, and last that it ends', async () => {
  await using daemon = await startApi()
  const heard: string[] = []
  const listening = (async () => {
    for await (const { event } of daemon.client.events(new AbortController().signal)) {
      heard.push(event)
      if (event === 'status') await daemon.client.addWorkspace({ path: daemon.newFolder('a') })
      if (event === 'workspace.added') {
        daemon.feed.publish({ event: 'stopping', data: {} })
        await daemon.api.stop()
      }
    }
  })()
  expect((await failureOf(listening)).code).toBe('server_unreachable')
  expect(heard).toEqual(['status', 'workspace.added', 'stopping'])
})

test('who fell too far behind gets the status in place of what was missed', async () => {
  await using daemon = await startApi()
  const stop = new AbortController()
  const heard: string[] = []
  for await (const { event } of daemon.client.events(stop.signal)) {
    heard.push(event)
    if (heard.length === 1)
      for (let number = 0; number < 3_000; number++)
        daemon.feed.publish({ event: 'service', data: { service: 'opencode', state: `${number}` } })
    else if (event === 'status') stop.abort()
  }
  expect(heard[0]).toBe('status')
  expect(heard.at(-1)).toBe('status')
  expect(heard.length).toBeLessThan(1_100)
})

test('its description has every route', async () => {
  await using daemon = await startApi()
  const { paths } = (await (await daemon.call('/openapi.json')).json()) as { paths: Record<string, object> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  )
  const routes = DAEMON_ROUTES.flatMap(route =>
    route.kind === 'stream' ? [] : [`${route.method} ${route.path.replace(':id', '{id}')}`],
  )
  expect(described.sort()).toEqual(routes.sort())
})

test('the former port is taken again, and a busy one only refused when it was asked for', async () => {
  const { log } = listeningLog()
  const token = secret('x'.repeat(64))
  const port = await freePort()
  const open = (options: { port: number | undefined; formerPort: number | undefined }) =>
    DaemonApi.listen({ host: '127.0.0.1', token, cors: [], log, ...options })
  const first = await open({ port: undefined, formerPort: port })
  try {
    expect([first.port, first.baseUrl]).toEqual([port, `http://127.0.0.1:${port}`])
    const second = await open({ port: undefined, formerPort: port })
    expect(second.port).not.toBe(port)
    await second.stop()
    const busy = await failureOf(open({ port, formerPort: undefined }))
    expect([busy.code, busy.message]).toEqual(['port_in_use', expect.stringContaining(String(port))])
  } finally {
    await first.stop()
  }
})

test('a daemon that is only a port cannot be taken for one', async () => {
  using stranger = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json({ hello: true }) })
  const client = daemonClient({ baseUrl: `http://127.0.0.1:${stranger.port}`, timeoutMs: 5_000 })
  expect((await failureOf(client.alive())).code).toBe('server_invalid_answer')
})

test('a folder that is gone is said, and opencode is not asked for it', async () => {
  await using daemon = await startApi()
  const { workspace } = await daemon.client.addWorkspace({ path: join(daemon.root, 'made') })
  rmSync(workspace.path, { recursive: true })
  expect((await failureOf(daemon.client.path('made'))).code).toBe('workspace_not_found')
  expect(daemon.asked.filter(what => what.startsWith('path'))).toEqual([])
})
