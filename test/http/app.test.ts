import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { z } from 'zod'
import { ok } from '../../src/http/route.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { bytesRoute, route, startApp } from './start-app.ts'

const path = '/things/:id/:part' as const
const base = { path, summary: 'A thing', access: 'open', fails: [], reply: ok(z.unknown()) } as const

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
    expect(bug).toStartWith('GET /things/1/2 failed: TypeError: inner secret')
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
  await using app = startApp([route({ ...base, method: 'GET', handle })], { bind: '0.0.0.0' })
  const statusFor = async (host: string): Promise<number> =>
    (await fetch(`${app.url}/things/1/2`, { headers: { host } })).status
  expect(await statusFor('my-machine:8787')).toBe(200)
  expect(await statusFor('MY-MACHINE.local')).toBe(200)
  expect(await statusFor('my-machine.evil.example')).toBe(403)
  await using onLoopback = startApp([route({ ...base, method: 'GET', handle })])
  expect((await fetch(`${onLoopback.url}/things/1/2`, { headers: { host: 'my-machine' } })).status).toBe(403)
})

test('a query is read as the route wants it; what does not fit is refused with the place', async () => {
  const query = z.object({ limit: z.coerce.number().int().max(10).default(5), name: z.string().optional() })
  await using app = startApp([route({ ...base, method: 'GET', query, handle: ({ query }) => query })])
  const asked = async (search: string) => (await fetch(`${app.url}/things/1/2${search}`)).json()
  expect(await asked('')).toEqual({ limit: 5 })
  expect(await asked('?limit=1&limit=7&name=a%20b+c&other=1')).toEqual({ limit: 7, name: 'a b c' })
  expect(await asked('?__proto__=1&constructor=2')).toEqual({ limit: 5 })
  expect(await asked('?limit=eleven')).toMatchObject({
    code: 'invalid_payload',
    details: { issues: [{ path: 'limit' }] },
  })
  expect((await fetch(`${app.url}/things/1/2?limit=11`)).status).toBe(400)
})

test('a handler is told when whoever asked has left', async () => {
  const asked = Promise.withResolvers<AbortSignal>()
  const left = Promise.withResolvers<string>()
  await using app = startApp([
    route({
      ...base,
      method: 'POST',
      body: z.object({}),
      handle: ({ signal, keepOpen }) => {
        keepOpen()
        asked.resolve(signal)
        signal.addEventListener('abort', () => left.resolve('left'))
        return left.promise
      },
    }),
  ])
  const leaving = new AbortController()
  const answer = fetch(`${app.url}/things/1/2`, { method: 'POST', body: '{}', signal: leaving.signal }).catch(
    error => error.name,
  )
  expect((await asked.promise).aborted).toBe(false)
  leaving.abort()
  expect(await left.promise).toBe('left')
  expect(await answer).toBe('AbortError')
})

for (const length of ['Content-Length: 9', 'Transfer-Encoding: chunked'])
  test(`a body that breaks off is no bug of ours (${length})`, async () => {
    await using app = startApp([
      route({ ...base, method: 'POST', body: z.object({}), handle: () => ({ left: false }) }),
    ])
    const socket = connect(app.port, '127.0.0.1')
    socket.end(
      `POST /things/1/2 HTTP/1.1\r\nHost: 127.0.0.1\r\n${length}\r\n\r\n${length.endsWith('9') ? '{' : '1\r\n{\r\n'}`,
    )
    while (app.lines.length === 0) await Bun.sleep(1)
    expect(app.lines).toEqual([expect.stringContaining('POST /things/1/2 499')])
  })

test('a route may take larger bodies than usual, and no larger ones', async () => {
  const handle = ({ body }: { body: { text: string } }) => ({ length: body.text.length })
  const body = z.object({ text: z.string() })
  await using app = startApp([
    route({ ...base, method: 'POST', body, handle }),
    route({ ...base, path: '/large', method: 'POST', body, maxBodyBytes: 2 * 1024 * 1024, handle }),
  ])
  const send = async (path: string, bytes: number) => {
    const text = JSON.stringify({ text: 'x'.repeat(bytes) })
    return (await fetch(`${app.url}${path}`, { method: 'POST', body: text })).status
  }
  expect(await send('/things/1/2', 1024 * 1024)).toBe(413)
  expect(await send('/large', 1024 * 1024)).toBe(200)
  expect(await send('/large', 2 * 1024 * 1024)).toBe(413)
})

test('a download answers with bytes and its own status; HEAD the same without them', async () => {
  await using app = startApp([
    bytesRoute({
      ...base,
      method: 'GET',
      handle: ({ params, header, method }) =>
        new Response(method === 'HEAD' ? null : `bytes of ${params.id}`, {
          status: header('range') ? 206 : 200,
          headers: { 'content-length': '10', etag: '"1"' },
        }),
    }),
  ])
  const whole = await fetch(`${app.url}/things/1/2`, { headers: { range: 'bytes=0-' } })
  expect([whole.status, await whole.text(), whole.headers.get('etag')]).toEqual([206, 'bytes of 1', '"1"'])
  const head = await fetch(`${app.url}/things/1/2`, { method: 'HEAD' })
  expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', '10'])
})
