import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { opencodeUrl } from '../../src/server/opencode-target.ts'
import { asClient, asHost, startServer } from './start-server.ts'

type Seen = { method: string; url: string; headers: Record<string, string>; body: string }

type Upstream = AsyncDisposable & {
  url: string
  /** Everything but the probes. */
  seen: Seen[]
}

/** A stand-in for opencode on loopback. It answers the proxy's probe, and the rest by `answer`. */
function startUpstream(answer: (request: Request) => Response | Promise<Response> = () => Response.json({})): Upstream {
  const seen: Seen[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const url = request.url.slice(request.url.indexOf('/', 8))
      if (url.endsWith('/global/health')) return Response.json({ healthy: true })
      const copy = request.method === 'GET' || request.method === 'HEAD' ? '' : await request.clone().text()
      seen.push({ method: request.method, url, headers: Object.fromEntries(request.headers), body: copy })
      return answer(request)
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, seen, [Symbol.asyncDispose]: () => server.stop(true) }
}

const serverOf = (baseUrl: string, flags: string[] = [], env: Record<string, string> = {}) =>
  startServer({
    flags: ['--opencode-base-url', baseUrl, ...flags],
    env: { OPENWORK_OPENCODE_USERNAME: 'opencode', OPENWORK_OPENCODE_PASSWORD: 'engine-password', ...env },
  })

const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code: string }).code

test('a request reaches opencode with its credentials, not the caller’s', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const response = await server.call('/opencode/session/a%2Fb?x=1&y=%20', {
    method: 'POST',
    headers: {
      ...asClient,
      ...asHost,
      'x-openwork-client-id': 'phone',
      origin: server.url,
      cookie: 'a=1',
      te: 'trailers',
      connection: 'x-private',
      'x-private': 'of this hop',
      'x-kept': 'yes',
      'content-type': 'application/json',
    },
    body: '{"text":"hello"}',
  })
  expect(response.status).toBe(200)
  const [{ url, headers, body } = { url: '', headers: {}, body: '' }] = upstream.seen
  expect(url).toBe('/session/a%2Fb?x=1&y=%20')
  expect(body).toBe('{"text":"hello"}')
  expect(headers).toMatchObject({
    authorization: `Basic ${btoa('opencode:engine-password')}`,
    'x-opencode-directory': server.workspace,
    'x-kept': 'yes',
    'content-type': 'application/json',
    host: new URL(upstream.url).host,
  })
  for (const name of ['x-openwork-host-token', 'x-openwork-client-id', 'origin', 'cookie', 'te', 'x-private'])
    expect(headers).not.toHaveProperty(name)
})

test('the bare path and every mount lead to opencode', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(`${upstream.url}/base/path/`)
  const mounts = ['/opencode', `/w/${server.workspaceId}/opencode`, `/workspace/${server.workspaceId}/opencode`]
  for (const mount of mounts)
    for (const rest of ['', '/', '/session?limit=1'])
      expect((await server.call(`${mount}${rest}`, { headers: asClient })).status).toBe(200)
  const urls = ['/base/path/', '/base/path/', '/base/path/session?limit=1']
  expect(upstream.seen.map(({ url }) => url)).toEqual([...urls, ...urls, ...urls])
})

test('a path cannot leave the base URL or name another host', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(`${upstream.url}/base`)
  expect(await rawGet(server.url, '/opencode/../opencode/%2e%2e/secret')).toStartWith('HTTP/1.1 404')
  for (const path of ['//evil.example/x', '/..%2fsecret', '/@evil.example'])
    await rawGet(server.url, `/opencode${path}`)
  expect(upstream.seen.map(({ url }) => url)).toEqual([
    '/base//evil.example/x',
    '/base/..%2fsecret',
    '/base/@evil.example',
  ])
  // Bun has tidied the path before we see it; this is what holds when it no longer does.
  expect(() => opencodeUrl(`${upstream.url}/base`, '/%2e%2e/secret', '')).toThrow('out of the opencode base URL')
})

/** The whole answer to a GET of a path exactly as given, which `fetch` would tidy up. */
function rawGet(url: string, path: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(port), hostname)
    socket.on('data', data => (text += data.toString()))
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n`)
    socket.write(`Authorization: ${asClient.authorization}\r\n\r\n`)
  })
}

test('a mounted request works in its workspace, whatever folder it asks for', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const query = 'directory=/etc&location%5Bdirectory%5D=/etc&workspace=w1&location%5Bworkspace%5D=w1&keep=1'
  const headers = { ...asHost, 'x-opencode-directory': '/etc', 'x-opencode-workspace': 'w1' }
  await server.call(`/w/${server.workspaceId}/opencode/file?${query}`, { headers })
  const [seen] = upstream.seen
  const params = Object.fromEntries(new URL(seen?.url ?? '', upstream.url).searchParams)
  expect(params).toEqual({ directory: server.workspace, 'location[directory]': server.workspace, keep: '1' })
  expect(seen?.headers['x-opencode-directory']).toBe(server.workspace)
  expect(seen?.headers).not.toHaveProperty('x-opencode-workspace')
})

test('unmounted, clients choose among the published folders, an owner any', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const inside = `${server.workspace}/sub`
  expect(
    (await server.call('/opencode/file', { headers: { ...asClient, 'x-opencode-directory': inside } })).status,
  ).toBe(200)
  expect(upstream.seen[0]?.headers['x-opencode-directory']).toBe(inside)
  const foreign: [string, Record<string, string>][] = [
    ['/opencode/file', { 'x-opencode-directory': '/etc' }],
    ['/opencode/file', { 'x-opencode-directory': encodeURIComponent('/etc') }],
    ['/opencode/file', { 'x-opencode-directory': `${server.workspace}/../..` }],
    ['/opencode/file?directory=/etc', {}],
    ['/opencode/file?location%5Bdirectory%5D=%2Fetc', {}],
  ]
  for (const [path, headers] of foreign) {
    const response = await server.call(path, { headers: { ...asClient, ...headers } })
    expect([path, response.status, await codeOf(response)]).toEqual([path, 403, 'workspace_unauthorized'])
  }
  expect((await server.call('/opencode/file?directory=/etc', { headers: asHost })).status).toBe(200)
})

test('a folder with letters beyond ASCII reaches opencode percent-encoded', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url, ['--opencode-directory', '/home/me/проект 100%'])
  await server.call('/opencode/session', { headers: asClient })
  expect(upstream.seen[0]?.headers['x-opencode-directory']).toBe(encodeURIComponent('/home/me/проект 100%'))
})

test('viewers read only, and only owners answer permission prompts and questions', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const [viewer, owner] = [await server.tokenOf('viewer'), await server.tokenOf('owner')]
  const status = async (method: string, path: string, headers: Record<string, string>): Promise<number> =>
    (await server.call(path, { method, headers })).status
  for (const method of ['GET', 'HEAD']) expect(await status(method, '/opencode/session', viewer)).toBe(200)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
    expect([method, await status(method, '/opencode/session', viewer)]).toEqual([method, 403])
  const replies = [
    '/opencode/permission/p1/reply',
    '/opencode/permission/p1/reply/',
    '/opencode/permission/p1/%72eply',
    '/opencode/%70ermission/p1/reply?x=1',
    '/opencode//permission//p1//reply//',
    '/opencode/permission/x/%2e%2e/p1/reply',
    '/opencode/permission%2Fp1%2Freply',
    '/opencode/session/s1/permissions/p1',
    '/opencode/session/s1/permissions/p%31/',
    '/opencode/question/q1/reply',
    '/opencode/question/q1/reject',
    '/opencode/api/session/s1/permission/p1/reply',
    `/w/${server.workspaceId}/opencode/permission/p1/reply`,
    `/workspace/${server.workspaceId}/opencode/question/q1/reject`,
  ]
  for (const path of replies) expect([path, await status('POST', path, asClient)]).toEqual([path, 403])
  const reached = upstream.seen.length
  for (const path of replies) expect([path, await status('POST', path, owner)]).toEqual([path, 200])
  expect(upstream.seen.length).toBe(reached + replies.length)
  expect(await status('POST', '/opencode/session/s1/message', asClient)).toBe(200)
})

test('a read-only server forwards reads only, also for its owner', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url, ['--read-only'])
  expect((await server.call('/opencode/session', { headers: asHost })).status).toBe(200)
  const response = await server.post('/opencode/session', asHost, {})
  expect([response.status, await codeOf(response)]).toEqual([403, 'read_only'])
})

test('a caller without a token reaches nothing', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  expect((await server.call('/opencode/session')).status).toBe(401)
  expect(upstream.seen).toEqual([])
})

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

test('a stream may be silent for longer than an idle connection is kept', async () => {
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
}, 15_000)

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

/** An upstream of bare bytes: `answer` gets what one connection sent so far. The probe is answered for it. */
async function startRawUpstream(
  answer: (received: string) => string | undefined,
  answersProbe = true,
): Promise<AsyncDisposable & { url: string; stopListening: () => void }> {
  const server = Bun.listen<{ text: string }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { text: '' }
      },
      data(socket, chunk) {
        socket.data.text += chunk.toString()
        const isProbe = socket.data.text.includes('/global/health')
        if (isProbe && !answersProbe) return
        const reply = isProbe ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' : answer(socket.data.text)
        if (reply === undefined) return
        socket.data.text = ''
        if (reply === 'close') socket.end()
        else socket.write(reply)
      },
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    stopListening: () => server.stop(true),
    [Symbol.asyncDispose]: async () => server.stop(true),
  }
}

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
