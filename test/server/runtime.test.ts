import { expect, test } from 'bun:test'
import { asClient, asHost, startServer } from './start-server.ts'
import { startUpstream } from './upstream.ts'

const IDLE = { status: 'idle', startedAt: null, finishedAt: null, error: null, operationId: null, services: [] }
const VERSIONS = {
  ok: true,
  orchestrator: { version: '1.2.3', startedAt: 1 },
  worker: { workspace: '/project', sandboxMode: 'none' },
  upgrade: IDLE,
  services: [{ name: 'opencode', enabled: true, running: true, upgradeAvailable: false }],
}

const controlledBy = (url: string) =>
  startServer({ env: { OPENWORK_CONTROL_BASE_URL: url, OPENWORK_CONTROL_TOKEN: 'control-token' } })

test('passes the orchestrator’s answers on, under its own token', async () => {
  const upgrade = { ...IDLE, status: 'running', services: ['opencode'] }
  await using control = startUpstream(({ method }) =>
    method === 'GET'
      ? Response.json(VERSIONS)
      : Response.json({ ok: true, started: true, services: ['opencode'], upgrade }, { status: 202 }),
  )
  await using server = await controlledBy(control.url)

  const versions = await server.json(`/w/${server.workspaceId}/runtime/versions`, { headers: asClient })
  const started = await server.post('/runtime/upgrade', asHost, { services: ['opencode'] })

  expect(versions).toEqual({ status: 200, body: VERSIONS })
  const { body: capabilities } = await server.json('/capabilities', { headers: asClient })
  expect(capabilities).toMatchObject({ runtime: { available: true } })
  expect([started.status, await started.json()]).toEqual([202, expect.objectContaining({ services: ['opencode'] })])
  expect(control.seen.map(({ method, url, body, headers }) => [method, url, body, headers.authorization])).toEqual([
    ['GET', '/runtime/versions', '', 'Bearer control-token'],
    ['POST', '/runtime/upgrade', '{"services":["opencode"]}', 'Bearer control-token'],
  ])
  expect(control.seen.some(({ headers }) => 'x-openwork-host-token' in headers)).toBe(false)
})

test('what is wrong with the request is said in the host’s words, with its status and body', async () => {
  for (const [status, code, message] of [
    [409, 'upgrade_in_progress', 'An upgrade is running already'],
    [400, 'invalid_services', 'None of the services named runs on this host'],
  ] as const) {
    const refusal = { code, message, details: { services: ['opencode'] } }
    await using control = startUpstream(() => Response.json(refusal, { status }))
    await using server = await controlledBy(control.url)

    for (const mount of ['', `/w/${server.workspaceId}`]) {
      const response = await server.post(`${mount}/runtime/upgrade`, asHost, {})
      expect([response.status, await response.json()]).toEqual([status, { code, message, details: refusal }])
    }
  }
})

test('a host that cannot do it is told apart from what is wrong with the request', async () => {
  for (const [status, code] of [
    [500, 'internal_error'],
    [401, 'unauthorized'],
    [500, 'upgrade_in_progress'],
  ] as const) {
    const refusal = { code, message: 'no' }
    await using control = startUpstream(() => Response.json(refusal, { status }))
    await using server = await controlledBy(control.url)

    const response = await server.post('/runtime/upgrade', asHost, {})

    expect([response.status, await response.json()]).toEqual([
      status,
      expect.objectContaining({ code: 'runtime_upgrade_failed', details: refusal }),
    ])
  }
})

test('an answer that is none is a bad gateway, and so is a redirect', async () => {
  for (const answer of [new Response('hello'), Response.json({ ok: true }), Response.redirect('http://127.0.0.1:1/')]) {
    await using control = startUpstream(() => answer)
    await using server = await controlledBy(control.url)
    const { status, body } = await server.json('/runtime/versions', { headers: asClient })
    expect([status, body]).toEqual([502, expect.objectContaining({ code: 'runtime_upgrade_failed' })])
  }
})

test('an orchestrator that is gone is said to be so', async () => {
  const gone = startUpstream()
  await gone[Symbol.asyncDispose]()
  await using server = await controlledBy(gone.url)
  const { status, body } = await server.json('/runtime/versions', { headers: asClient })
  expect([status, body]).toEqual([
    503,
    expect.objectContaining({
      code: 'runtime_upgrade_failed',
      details: { target: gone.url, reason: 'ECONNREFUSED' },
    }),
  ])
})

test('without an orchestrator there is no runtime, and only the host may have it renewed', async () => {
  await using server = await startServer()
  const { status, body } = await server.json('/runtime/versions', { headers: asClient })
  expect([status, body]).toEqual([501, expect.objectContaining({ code: 'runtime_upgrade_unavailable' })])
  expect((await server.post('/runtime/upgrade', asHost, {})).status).toBe(501)
  expect((await server.post('/runtime/upgrade', asClient, {})).status).toBe(401)
  expect((await server.post('/runtime/upgrade', asHost, { services: 'opencode' })).status).toBe(400)
  expect((await server.call('/runtime/versions')).status).toBe(401)
})
