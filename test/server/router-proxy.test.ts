import { expect, test } from 'bun:test'
import { asClient, asHost, startServer } from './start-server.ts'
import { codeOf, startUpstream } from './upstream.ts'

const serverWith = (port: number | string) => startServer({ env: { OPENCODE_ROUTER_HEALTH_PORT: String(port) } })
const portOf = (url: string): string => new URL(url).port

test('who may ask what is decided before there need be a router', async () => {
  await using server = await startServer()
  const viewer = await server.tokenOf('viewer')
  const collaborator = await server.tokenOf('collaborator')
  for (const mount of ['', `/w/${server.workspaceId}`]) {
    const statusOf = async (path: string, headers: Record<string, string>, method = 'GET') =>
      (await server.call(`${mount}/opencode-router${path}`, { method, headers })).status
    for (const path of ['', '/health', '/health/']) expect(await statusOf(path, viewer)).toBe(404)
    for (const path of ['/bindings', '/identities/telegram', '/identities/slack/']) {
      expect(await statusOf(path, viewer)).toBe(403)
      for (const allowed of [collaborator, asClient, asHost]) expect(await statusOf(path, allowed)).toBe(404)
      expect(await statusOf(path, collaborator, 'POST')).toBe(401)
    }
    for (const path of ['/config/groups', '/send', '/HEALTH', '/identities%2Ftelegram', '/elsewhere']) {
      expect(await statusOf(path, collaborator)).toBe(401)
      expect(await statusOf(path, asHost)).toBe(404)
    }
    expect(await statusOf('/health', viewer, 'HEAD')).toBe(401)
    expect(await statusOf('/health', {})).toBe(401)
  }
  const absent = await server.call('/opencode-router/health', { headers: asClient })
  expect(await codeOf(absent)).toBe('opencodeRouter_unconfigured')
  expect((await server.call('/w/ws_unknown/opencode-router/health', { headers: asClient })).status).toBe(404)
})

test('a router’s status, headers and body pass through, credentials do not', async () => {
  await using router = startUpstream(() =>
    Response.json({ ok: false }, { status: 503, headers: { 'x-router': 'yes' } }),
  )
  await using server = await serverWith(portOf(router.url))

  const health = await server.call(`/w/${server.workspaceId}/opencode-router/health/?deep=1`, { headers: asClient })
  const posted = await server.call('/opencode-router/identities/telegram', {
    method: 'POST',
    headers: { ...asHost, cookie: 'a=b', 'content-type': 'application/json' },
    body: '{"id":"default","token":"bot"}',
  })

  expect([health.status, health.headers.get('x-router'), await health.json()]).toEqual([503, 'yes', { ok: false }])
  expect(posted.status).toBe(503)
  expect(router.seen.map(({ method, url, body }) => ({ method, url, body }))).toEqual([
    { method: 'GET', url: '/health/?deep=1', body: '' },
    { method: 'POST', url: '/identities/telegram', body: '{"id":"default","token":"bot"}' },
  ])
  for (const { headers } of router.seen)
    for (const name of ['authorization', 'x-openwork-host-token', 'cookie']) expect(headers).not.toHaveProperty(name)
  const { body } = await server.json('/capabilities', { headers: asClient })
  expect(body).toMatchObject({ proxy: { opencodeRouter: true } })
  expect((await server.logged()).out).toMatch(/GET \/w\/\w+\/opencode-router\/health\/ 503 \S+ \(opencode-router\)/)
})

test('a router that is configured and down is said to be so', async () => {
  const gone = startUpstream()
  const port = portOf(gone.url)
  await gone[Symbol.asyncDispose]()
  await using server = await serverWith(port)

  const { status, body } = await server.json('/opencode-router/bindings?x=1', { headers: asHost })

  expect(status).toBe(503)
  expect(body).toMatchObject({
    code: 'opencodeRouter_unreachable',
    details: {
      baseUrl: `http://127.0.0.1:${port}`,
      port: Number(port),
      targetUrl: `http://127.0.0.1:${port}/bindings?x=1`,
      error: 'ECONNREFUSED',
    },
  })
})
