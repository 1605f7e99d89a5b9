import { expect, test } from 'bun:test'
import { z } from 'zod'
import { receiveEvents } from '../../src/api/event-source.ts'

const kinds = { tick: z.object({ n: z.number() }), tock: z.string() }

/** A server that answers with these chunks, and then ends or stays. */
function serve(chunks: readonly (string | Uint8Array)[], { stays = false, status = 200 } = {}) {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            for (const chunk of chunks) {
              controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)
              await Bun.sleep(1) // so that they arrive one by one
            }
            if (!stays) controller.close()
          },
        }),
        { status },
      ),
  })
  const options = { baseUrl: `http://127.0.0.1:${server.port}/`, timeoutMs: 20_000 }
  return {
    receive: (signal = new AbortController().signal) => receiveEvents(options, '/events', kinds, signal),
    stop: () => server.stop(true),
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

/** Everything that comes, and the code of the failure at the end. */
async function all(events: AsyncIterable<unknown>): Promise<{ received: unknown[]; code: string | undefined }> {
  const received: unknown[] = []
  try {
    for await (const event of events) received.push(event)
  } catch (error) {
    return { received, code: (error as { code?: string }).code }
  }
  return { received, code: undefined }
}

test('events are put together however they arrive', async () => {
  const bytes = new TextEncoder().encode('event: tock\ndata: "ü→😀"\n\n')
  await using server = serve([
    ': open\n\n',
    'id: 1\nevent: tick\nda',
    'ta: {"n":1}\n',
    '\nevent:tick\r\nid: 2\r\ndata: {"n":\r\ndata: 2}\r\n\r\n',
    ...[...bytes].map(byte => new Uint8Array([byte])),
    'event: unknown\ndata: {}\n\ndata: "of no kind"\n\nid: 3\n\n',
    'event: tick\ndata: {"n":4}',
  ])
  expect(await all(server.receive())).toEqual({
    received: [
      { event: 'tick', id: '1', data: { n: 1 } },
      { event: 'tick', id: '2', data: { n: 2 } },
      { event: 'tock', id: '2', data: 'ü→😀' },
    ],
    code: 'server_unreachable',
  })
})

test('what the server refuses, fails with or gets wrong has its code', async () => {
  const failure = '{"code":"read_only","message":"Not now"}'
  for (const [chunks, options, code] of [
    [[failure], { status: 403 }, 'read_only'],
    [['<html>'], { status: 502 }, 'request_refused'],
    [[`event: failure\ndata: ${failure}\n\n`], {}, 'read_only'],
    [['event: tick\ndata: {"n":"one"}\n\n'], {}, 'server_invalid_answer'],
    [['event: tick\ndata: no JSON\n\n'], {}, 'server_invalid_answer'],
    [Array.from({ length: 5 }, () => ' '.repeat(16 * 1024 * 1024)), { status: 502 }, 'server_invalid_answer'],
    [['data: ', ...Array.from({ length: 17 }, () => 'x'.repeat(1024 * 1024))], {}, 'server_invalid_answer'],
  ] as const) {
    await using server = serve(chunks, options)
    expect(await all(server.receive())).toEqual({ received: [], code })
  }
  await using gone = serve([])
  await gone.stop()
  expect(await all(gone.receive())).toEqual({ received: [], code: 'server_unreachable' })
})

test('a listener that leaves ends the stream without a failure', async () => {
  await using server = serve(['event: tick\ndata: {"n":1}\n\n'], { stays: true })
  const leaving = new AbortController()
  const events = server.receive(leaving.signal)
  expect((await events.next()).value).toMatchObject({ data: { n: 1 } })
  leaving.abort()
  expect(await all(events)).toEqual({ received: [], code: undefined })
})

test('a server that accepts and says nothing is not waited for', async () => {
  const silent = Bun.listen({ port: 0, hostname: '127.0.0.1', socket: { data() {} } })
  const options = { baseUrl: `http://127.0.0.1:${silent.port}`, timeoutMs: 50 }
  const events = receiveEvents(options, '/events', kinds, new AbortController().signal)
  expect(await all(events)).toEqual({ received: [], code: 'server_unreachable' })
  silent.stop(true)
})
