import { expect, test } from 'bun:test'
import { OpenStreams } from '../../src/http/open-streams.ts'
import { forward } from '../../src/http/reverse-proxy.ts'

/** An upstream that accepts every request and answers when told to. */
function startPatient() {
  const told = Promise.withResolvers<Response>()
  const reached = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      request.signal.addEventListener('abort', () => gone.resolve())
      reached.resolve()
      return told.promise
    },
  })
  return {
    url: new URL(`http://127.0.0.1:${server.port}/`),
    answer: (response: Response) => told.resolve(response),
    reached: reached.promise,
    gone: gone.promise,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

/** Whoever is never shut out. */
const admission = { stillAdmitted: () => {}, everyMs: 60_000 }
const plain = { drop: [], set: {}, streams: new OpenStreams(), admission }
const request = (): Request => new Request('http://localhost/', { method: 'POST', body: 'a prompt' })

test('an answer may take as long as it likes while the other end shows that it lives', async () => {
  await using upstream = startPatient()
  let asked = 0
  const isAlive = async (): Promise<boolean> => {
    asked += 1
    if (asked === 5) upstream.answer(new Response('at last'))
    return asked % 2 === 0 // one no is no reason to give up
  }
  const answer = await forward(request(), { ...plain, url: upstream.url, liveness: { everyMs: 1, isAlive } })
  expect(await answer.text()).toBe('at last')
  expect(asked).toBeGreaterThanOrEqual(5)
})

test('a request whose other end has fallen silent is given up', async () => {
  await using upstream = startPatient()
  const isAlive = async (): Promise<boolean> => {
    await upstream.reached // given up before it is sent, it would never arrive
    return false
  }
  const liveness = { everyMs: 1, isAlive }
  await expect(forward(request(), { ...plain, url: upstream.url, liveness })).rejects.toMatchObject({
    kind: 'no_answer',
  })
  await upstream.gone
})

test('open event streams are counted, and end when the program says so', async () => {
  const streams = new OpenStreams()
  let cancelled = 0
  const endless = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start: controller => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
      cancel() {
        cancelled += 1
      },
    })
  const [ended, left] = [endless(), endless()].map(stream => streams.pass(stream, admission).getReader())
  if (!ended || !left) throw new Error('two were made')
  await ended.read()
  await left.read()
  await left.cancel()
  expect([streams.size, cancelled]).toEqual([1, 1])
  streams.end()
  expect((await ended.read()).done).toBe(true)
  expect([streams.size, cancelled]).toEqual([0, 2])
})

test('an event stream that breaks upstream breaks, and is forgotten', async () => {
  const streams = new OpenStreams()
  const broken = new ReadableStream<Uint8Array>({ pull: controller => controller.error(new Error('reset')) })
  await expect(streams.pass(broken, admission).getReader().read()).rejects.toThrow('reset')
  expect(streams.size).toBe(0)
})

test('an event stream ends when its reader is shut out: while nothing comes, and before what comes next', async () => {
  let isRevoked = false
  const stillAdmitted = () => {
    if (isRevoked) throw new Error('revoked')
  }
  for (const everyMs of [1, 60_000]) {
    isRevoked = false
    const streams = new OpenStreams()
    const cancelled = Promise.withResolvers<void>()
    let upstream: ReadableStreamDefaultController<Uint8Array> | undefined
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        upstream = controller
        controller.enqueue(new TextEncoder().encode('data: before\n\n'))
      },
      cancel: () => cancelled.resolve(),
    })
    const reader = streams.pass(source, { stillAdmitted, everyMs }).getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: before\n\n')
    isRevoked = true
    if (everyMs > 1) upstream?.enqueue(new TextEncoder().encode('data: after\n\n'))
    expect(await reader.read()).toEqual({ done: true, value: undefined })
    await cancelled.promise
    expect(streams.size).toBe(0)
  }
})
