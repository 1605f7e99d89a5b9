import { expect, test } from 'bun:test'
import { z } from 'zod'
import { httpApp } from '../../src/http/app.ts'
import { Cors } from '../../src/http/cors.ts'
import { hostCheck } from '../../src/http/host-policy.ts'
import { OpenStreams } from '../../src/http/open-streams.ts'
import { RequestLog } from '../../src/http/request-log.ts'
import { ok, routesOf } from '../../src/http/route.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { Log } from '../../src/shared/log.ts'
import { Redactor } from '../../src/shared/redact.ts'

const route = routesOf<'open', string, { greeting: string }>()
const path = '/things/:id/:part' as const
const base = { path, summary: 'A thing', access: 'open', fails: [], reply: ok(z.unknown()) } as const

/** A program with these routes on a free port; what it logs is kept. */
function startApp(routes: ReturnType<typeof route>[], bind = '127.0.0.1') {
  const lines: string[] = []
  const log = new Log({
    format: 'pretty',
    bare: true,
    color: false,
    runId: 'run',
    serviceName: 'test',
    serviceVersion: '0',
    minimum: 'info',
    redactor: new Redactor(),
    write: line => lines.push(line),
  })
  const fetch = httpApp({
    routes,
    services: { greeting: 'hello' },
    admit: access => `${access} caller`,
    checkHost: hostCheck({ bind, allowedHosts: [], machineName: 'My-Machine' }),
    cors: new Cors([]),
    streams: new OpenStreams(),
    requestLog: new RequestLog(log, 'probe'),
    errorLog: log,
  })
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch })
  return { url: `http://127.0.0.1:${server.port}`, lines, [Symbol.asyncDispose]: () => server.stop(true) }
}

test('a handler gets decoded parameters, a validated body, its caller and its services', async () => {
  await using app = startApp([
    route({
      ...base,
      method: 'POST',
      body: z.object({ n: z.number().default(3) }),
      handle: ({ params, body, caller }, services) => ({ params, body, caller, services }),
    }),
  ])
  const response = await fetch(`${app.url}/things/a%2Fb/%C3%A9?x=1`, { method: 'POST', body: '{"more":1}' })
  expect(await response.json()).toEqual({
    params: { id: 'a/b', part: 'é' },
    body: { n: 3 },
    caller: 'open caller',
    services: { greeting: 'hello' },
  })
})

test('a bug is 500 without a word of it, and logged with its stack in one record', async () => {
  for (const handle of [
    () => {
      throw new TypeError('inner secret')
    },
    async () => {
      throw new TypeError('inner secret')
    },
  ]) {
    await using app = startApp([route({ ...base, method: 'GET', handle })])
    const response = await fetch(`${app.url}/things/1/2`)
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ code: 'internal_error', message: 'Unexpected server error' })
    const [bug, request] = app.lines
    expect(bug).toStartWith('GET /things/1/2 failed: TypeError: inner secret\n')
    expect(bug).toContain('app.test.ts')
    expect(request).toMatch(/^GET \/things\/1\/2 500 \d+ms$/)
    expect(app.lines).toHaveLength(2)
  }
})

test('a failure users can act on keeps its code, hint, details and pause', async () => {
  const failure = new OpenworkError('service_exited', 'It is down', {
    hint: 'Start it',
    details: { retryAfterMs: 1500 },
  })
  await using app = startApp([route({ ...base, method: 'GET', handle: () => Promise.reject(failure) })])
  const response = await fetch(`${app.url}/things/1/2`)
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2'])
  expect(await response.json()).toEqual({
    code: 'service_exited',
    message: 'It is down. Start it',
    details: { retryAfterMs: 1500 },
  })
})

test('beyond loopback the machine’s own names are answered to, others not', async () => {
  const handle = () => ({})
  await using app = startApp([route({ ...base, method: 'GET', handle })], '0.0.0.0')
  const statusFor = async (host: string): Promise<number> =>
    (await fetch(`${app.url}/things/1/2`, { headers: { host } })).status
  expect(await statusFor('my-machine:8787')).toBe(200)
  expect(await statusFor('MY-MACHINE.local')).toBe(200)
  expect(await statusFor('my-machine.evil.example')).toBe(403)
  await using onLoopback = startApp([route({ ...base, method: 'GET', handle })])
  expect((await fetch(`${onLoopback.url}/things/1/2`, { headers: { host: 'my-machine' } })).status).toBe(403)
})
