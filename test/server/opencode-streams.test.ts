import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { asClient, asHost, startServer, testInProcess } from './start-server.ts'
import { codeOf, rawGet, serverOf, startRawUpstream, startUpstream } from './upstream.ts'

test('redirects, status texts, cookies and failures come back as they are', async () => {
  await using upstream = startUpstream(request => {
    if (request.url.endsWith('/moved')) return new Response(null, { status: 307, headers: { location: '/elsewhere' } })
    const headers = new Headers({ 'content-type': 'text/plain', 'x-own': '1', 'access-control-allow-origin': '*' })
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2')
    return new Response('teapot', { status: 418, headers })
  })
  await using server = await serverOf(upstream.url)
  const moved = await server.call('/opencode/moved', { headers: asClient })
  expect([moved.status, moved.headers.get('location')]).toEqual([307, '/elsewhere'])
  const teapot = await server.call('/opencode/teapot', { headers: asClient })
  expect([teapot.status, await teapot.text(), teapot.headers.get('x-own')]).toEqual([418, 'teapot', '1'])
  expect(teapot.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(teapot.headers.get('access-control-allow-origin')).toBeNull()
})

test('a compressed answer passes undecoded, and only who offered an encoding gets one', async () => {
  const text = 'compressed '.repeat(500)
  await using upstream = startUpstream(request =>
    request.headers.get('accept-encoding')?.includes('gzip')
      ? new Response(Bun.gzipSync(text), { headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain' } })
      : new Response(text),
  )
  await using server = await serverOf(upstream.url)
  const gzipped = await server.call('/opencode/x', {
    headers: { ...asClient, 'accept-encoding': 'gzip' },
    decompress: false,
  } as RequestInit)
  expect(gzipped.headers.get('content-encoding')).toBe('gzip')
  expect(new TextDecoder().decode(Bun.gunzipSync(new Uint8Array(await gzipped.arrayBuffer())))).toBe(text)
  const answer = await rawGet(server.url, '/opencode/x')
  expect(upstream.seen.at(-1)?.headers['accept-encoding']).toBe('identity')
  expect(answer).not.toMatch(/content-encoding/i)
})

test('HEAD answers carry the length that GET would have', async () => {
  await using upstream = startUpstream(() => new Response('twelve bytes'))
  await using server = await serverOf(upstream.url)
  const response = await server.call('/opencode/x', { method: 'HEAD', headers: asClient })
  expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '12', ''])
  expect(upstream.seen[0]?.method).toBe('HEAD')
})

test('the first event arrives before the second is sent, and a stream ends when opencode ends it', async () => {
  const second = Promise.withResolvers<void>()
  await using upstream = startUpstream(
    () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue('data: one\n\n')
            await second.promise
            controller.enqueue('data: two\n\n')
            controller.close()
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      ),
  )
  await using server = await serverOf(upstream.url)
  const response = await server.call('/opencode/event', { headers: asClient })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const chunks = response.body?.getReader()
  const next = async (): Promise<string | undefined> => {
    const chunk = await chunks?.read()
    return chunk?.value && new TextDecoder().decode(chunk.value)
  }
  expect(await next()).toBe('data: one\n\n')
  second.resolve()
  expect(await next()).toBe('data: two\n\n')
  expect(await next()).toBeUndefined()
})

test('a stream ends before the first event that comes after the token was revoked', async () => {
  const gone = Promise.withResolvers<void>()
  const controllers: ReadableStreamDefaultController[] = []
  await using upstream = startUpstream(request => {
    request.signal.addEventListener('abort', () => gone.resolve())
    const body = new ReadableStream({
      start(controller) {
        controllers.push(controller)
        controller.enqueue('data: before\n\n')
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
  await using server = await serverOf(upstream.url)
  const { id, headers } = await server.issue('viewer')
  const chunks = (await server.call('/opencode/event', { headers })).body?.getReader()
  expect(new TextDecoder().decode((await chunks?.read())?.value)).toBe('data: before\n\n')
  expect((await server.call(`/tokens/${id}`, { method: 'DELETE', headers: asHost })).status).toBe(200)
  controllers[0]?.enqueue('data: after\n\n')
  expect((await chunks?.read())?.done).toBe(true)
  await gone.promise
})

testInProcess(
  'a stream may be silent for longer than an idle connection is kept',
  async () => {
    const controllers: ReadableStreamDefaultController[] = []
    await using upstream = startUpstream(
      () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controllers.push(controller)
              controller.enqueue('data: one\n\n')
            },
          }),
          { headers: { 'content-type': 'text/event-stream' } },
        ),
    )
    await using server = await startServer({ flags: ['--opencode-base-url', upstream.url], idleSeconds: 1 })
    const chunks = (await server.call('/opencode/event', { headers: asClient })).body?.getReader()
    await chunks?.read()
    // Opened after the stream and just as silent: when the server has cut this one, the stream's time was up, too.
    await idleConnectionIsCut(server.url)
    controllers[0]?.enqueue('data: two\n\n')
    expect(new TextDecoder().decode((await chunks?.read())?.value)).toBe('data: two\n\n')
  },
  15_000,
)

/** Resolves when the server has closed a connection that asked once and then nothing. */
function idleConnectionIsCut(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    socket.resume()
    socket.on('close', () => resolve())
    socket.on('error', reject)
    socket.write(`GET /health HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  })
}

test('a request body streams: opencode reads its beginning before its end is written', async () => {
  const beginning = Promise.withResolvers<string>()
  await using upstream = await startRawUpstream(text => {
    if (text.includes('beginning')) beginning.resolve(text)
    if (text.includes('the end')) return 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone'
    return undefined
  })
  await using server = await serverOf(upstream.url)
  const encoder = new TextEncoder()
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode('beginning'))
      await beginning.promise
      controller.enqueue(encoder.encode('the end'))
      controller.close()
    },
  })
  const response = await server.call('/opencode/upload', { method: 'POST', headers: asClient, body })
  expect(await response.text()).toBe('done')
  expect(await beginning.promise).not.toContain('the end')
})

for (const [what, path, contentType] of [
  ['before the answer', '/opencode/silent', undefined],
  ['during an answer', '/opencode/long', 'application/octet-stream'],
  ['during an event stream', '/opencode/event', 'text/event-stream'],
] as const)
  test(`a client that goes ${what} takes the upstream request with it`, async () => {
    const reached = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    await using upstream = startUpstream(request => {
      request.signal.addEventListener('abort', () => gone.resolve())
      reached.resolve()
      if (contentType === undefined) return new Promise<Response>(() => {})
      const body = new ReadableStream({ start: controller => controller.enqueue('data: 1\n\n') })
      return new Response(body, { headers: { 'content-type': contentType } })
    })
    await using server = await serverOf(upstream.url)
    const aborter = new AbortController()
    const call = server.call(path, { headers: asClient, signal: aborter.signal })
    await reached.promise
    if (contentType !== undefined) await (await call).body?.getReader().read()
    const outcome = call.then(
      ({ status }) => status,
      (error: Error) => error.name,
    )
    aborter.abort()
    await gone.promise
    expect(await outcome).toBe(contentType === undefined ? 'AbortError' : 200)
  })

test('opencode that is not there is 503 with the target, and found again when it is back', async () => {
  await using upstream = await startRawUpstream(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await using server = await serverOf(upstream.url)
  expect((await server.call('/opencode/x', { headers: asClient })).status).toBe(200)
  upstream.stopListening()
  const down = await server.json('/opencode/x', { headers: asClient })
  expect(down).toMatchObject({ status: 503, body: { code: 'opencode_unreachable', details: { target: upstream.url } } })
  const { port } = new URL(upstream.url)
  const back = Bun.serve({ port: Number(port), hostname: '127.0.0.1', fetch: () => new Response('back') })
  expect(await (await server.call('/opencode/x', { headers: asClient })).text()).toBe('back')
  await back.stop(true)
})

test('while opencode is restarted on its port, streams end, requests are told when to come again, and nothing hangs', async () => {
  const listening = (): Response =>
    new Response(new ReadableStream({ start: controller => controller.enqueue('data: hello\n\n') }), {
      headers: { 'content-type': 'text/event-stream' },
    })
  const unanswered = Promise.withResolvers<void>()
  const before = startUpstream(({ url }) => {
    if (url.endsWith('/event')) return listening()
    unanswered.resolve()
    return new Promise<Response>(() => {})
  })
  await using server = await serverOf(before.url)
  const stream = await server.call('/opencode/event', { headers: asClient })
  const chunks = stream.body?.getReader()
  await chunks?.read()
  const prompt = server.json('/opencode/session/s1/message', { method: 'POST', headers: asClient, body: '{}' })
  await unanswered.promise

  await before[Symbol.asyncDispose]()

  expect(await prompt).toMatchObject({ status: 503, body: { code: 'opencode_unreachable' } })
  // However the stream ends, it does.
  await chunks?.read().catch(() => {})
  const down = await server.call('/opencode/session', { headers: asClient })
  expect([down.status, down.headers.get('retry-after')]).toEqual([503, '1'])
  const port = Number(new URL(before.url).port)
  const back = Bun.serve({ port, hostname: '127.0.0.1', fetch: listening })
  const again = (await server.call('/opencode/event', { headers: asClient })).body?.getReader()
  expect(new TextDecoder().decode((await again?.read())?.value)).toBe('data: hello\n\n')
  await back.stop(true)
})

test('an opencode that boots, accepting and never answering, holds no request: not even a prompt', async () => {
  await using upstream = await startRawUpstream(() => undefined, false)
  await using server = await serverOf(upstream.url)
  const answers = await Promise.all([
    server.json('/opencode/session', { headers: asClient }),
    server.json('/opencode/session/s1/message', { method: 'POST', headers: asClient, body: '{}' }),
  ])
  for (const { status, body } of answers) {
    expect(status).toBe(503)
    expect(body).toMatchObject({ code: 'opencode_unreachable' })
  }
})

test('what is not HTTP is 502', async () => {
  await using upstream = await startRawUpstream(() => 'HTTP/1.1 nonsense\r\n\r\n')
  await using server = await serverOf(upstream.url)
  const { status, body } = await server.json('/opencode/x', { headers: asClient })
  expect([status, body]).toMatchObject([502, { code: 'opencode_invalid_answer', details: { target: upstream.url } }])
})

test('a connection that breaks before the answer is 503', async () => {
  await using upstream = await startRawUpstream(() => 'close')
  await using server = await serverOf(upstream.url)
  const response = await server.call('/opencode/x', { headers: asClient })
  expect([response.status, await codeOf(response)]).toEqual([503, 'opencode_unreachable'])
})

test('without a base URL the proxy says so', async () => {
  await using server = await startServer()
  for (const path of ['/opencode/x', `/w/${server.workspaceId}/opencode/x`]) {
    const response = await server.call(path, { headers: asClient })
    expect([response.status, await codeOf(response)]).toEqual([400, 'opencode_unconfigured'])
  }
})

test('a body larger than anything is refused before it is sent', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const { hostname, port } = new URL(server.url)
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    socket.once('data', data => {
      resolve(data.toString())
      socket.destroy()
    })
    socket.on('error', reject)
    socket.write(`POST /opencode/x HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 200000000\r\n`)
    socket.write(`Authorization: ${asClient.authorization}\r\n\r\n`)
  })
  expect(answer).toStartWith('HTTP/1.1 413')
  expect(answer).toContain('"code":"body_too_large"')
  expect(upstream.seen).toEqual([])
})
