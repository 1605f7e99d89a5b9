import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { secret } from '../../src/shared/secret.ts'
import { askOnce, askUntilReady, keepAsking } from '../../src/supervisor/probe.ts'
import { http } from './support.ts'

const NEVER = new AbortController().signal

/** A server on a free port that answers each request as told; undefined leaves it without an answer. */
async function answering(
  answer: (request: string) => string | undefined,
): Promise<{ port: number; server: Server; requests: string[]; sockets: Socket[] } & AsyncDisposable> {
  const requests: string[] = []
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {}) // reset by the client, as it should
    socket.on('data', data => {
      requests.push(data.toString())
      const text = answer(data.toString())
      if (text !== undefined) socket.write(text)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: address.port, server, requests, sockets, [Symbol.asyncDispose]: close }
}

const status = (code: number) => `HTTP/1.1 ${code} Whatever\r\nContent-Length: 2\r\n\r\nok`

test.each([
  [200, true],
  [204, true],
  [302, false],
  [401, false],
  [503, false],
])('an answer with status %p counts as healthy: %p', async (code, healthy) => {
  await using it = await answering(() => status(code))
  expect(await askOnce(http(it.port), NEVER)).toBe(healthy)
})

test('a try leaves no connection open, whatever became of it', async () => {
  const endless = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'
  await using it = await answering(request => (request.startsWith('GET /silent') ? undefined : endless))
  const silent = { ...http(it.port, { tryMs: 20 }), url: `http://127.0.0.1:${it.port}/silent` }

  expect(await askOnce(http(it.port), NEVER)).toBe(true)
  expect(await askOnce(silent, NEVER)).toBe(false)

  expect(it.sockets).toHaveLength(2)
  await Promise.all(it.sockets.map(socket => socket.destroyed || once(socket, 'close')))
  expect(it.sockets.map(({ destroyed }) => destroyed)).toEqual([true, true])
})

test('where nothing listens, and after an abort, a try fails without an error', async () => {
  const aborted = AbortSignal.abort()
  expect(await askOnce(http(1), NEVER)).toBe(false)
  expect(await askOnce(http(1), aborted)).toBe(false)
})

test('secret headers are sent in plain', async () => {
  await using it = await answering(() => status(200))
  await askOnce(http(it.port, { headers: { authorization: secret('Basic abc') } }), NEVER)
  expect(it.requests[0]?.toLowerCase()).toContain('authorization: basic abc')
})

test('an abort ends a try at once', async () => {
  await using it = await answering(() => undefined)
  const stop = new AbortController()
  const asked = askUntilReady(http(it.port, { tryMs: 600_000 }), Promise.resolve(), stop.signal)
  await once(it.server, 'connection')

  stop.abort()

  expect(await asked).toBe(false)
})

test('readiness is asked for again until the answer is good', async () => {
  const codes = [503, 500, 200]
  await using it = await answering(() => status(codes.shift() ?? 200))
  expect(await askUntilReady(http(it.port), Promise.resolve(), NEVER)).toBe(true)
  expect(it.requests).toHaveLength(3)
})

test('a watch tells every result until it is ended', async () => {
  const codes = [200, 500, 200]
  await using it = await answering(() => status(codes.shift() ?? 200))
  const stop = new AbortController()
  const results: boolean[] = []

  await keepAsking(http(it.port), 1, healthy => results.push(healthy) === 3 && stop.abort(), stop.signal)

  expect(results).toEqual([true, false, true])
})

test('a proxy of the user is not asked about this machine', async () => {
  await using it = await answering(() => status(200))
  const ask = `
    import { askOnce } from ${JSON.stringify(require.resolve('../../src/supervisor/probe.ts'))}
    const probe = { kind: 'http', url: 'http://127.0.0.1:${it.port}/', headers: {}, everyMs: 1, tryMs: 5000, withinMs: 1 }
    process.exit(await askOnce(probe, new AbortController().signal) ? 0 : 1)`
  const proxy = 'http://127.0.0.1:1'
  const child = Bun.spawn([process.execPath, '-e', ask], { env: { HTTP_PROXY: proxy, http_proxy: proxy } })
  expect(await child.exited).toBe(0)
})
