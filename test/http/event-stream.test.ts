import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { z } from 'zod'
import { EventFeed } from '../../src/http/event-feed.ts'
import type { ServerEvent } from '../../src/http/event-stream.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { eventRoute, startApp } from './start-app.ts'

const base = {
  method: 'GET',
  path: '/events',
  summary: 'Events',
  access: 'open',
  events: { tick: z.unknown() },
  fails: [],
} as const

/** The feed as a stream that ends when its listener does. */
const streamOf = (feed: EventFeed<ServerEvent>) => eventRoute({ ...base, handle: ({ signal }) => feed.listen(signal) })

/** Resolves when the feed has that many listeners. */
async function listeners(feed: EventFeed<ServerEvent>, count: number): Promise<void> {
  while (feed.size !== count) await Bun.sleep(1)
}

/** A reader of the text of a stream: `until` resolves to what has come as soon as it holds a text. */
function textOf(response: Response) {
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const more = async (): Promise<boolean> => {
    const { done, value = '' } = await reader.read()
    text += value
    return !done
  }
  return {
    async until(part: string): Promise<string> {
      while (!text.includes(part)) if (!(await more())) throw new Error(`ended without ${part}: ${text}`)
      return text
    },
    async whole(): Promise<string> {
      while (await more());
      return text
    },
    cancel: () => reader.cancel(),
  }
}

/** A connection of its own, of which `fetch` has no thousand. */
function rawClient(port: number) {
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'))
  let text = ''
  let arrived: () => void = () => {}
  socket.on('data', chunk => {
    text += chunk
    arrived()
  })
  return {
    async until(part: string): Promise<void> {
      while (!text.includes(part))
        await new Promise<void>(resolve => {
          arrived = resolve
        })
    },
    close: () => socket.destroy(),
  }
}

test('events come as they happen, with id and kind, and a client tells where it was', async () => {
  const gate = Promise.withResolvers<void>()
  await using app = startApp([
    eventRoute({
      ...base,
      async *handle({ lastEventId, caller }, { greeting }) {
        yield { id: '8', event: 'tick', data: { lastEventId, caller, greeting } }
        await gate.promise
        yield { data: 'two\nlines' }
      },
    }),
  ])
  const response = await fetch(`${app.url}/events`, { headers: { 'last-event-id': '7' } })
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const stream = textOf(response)
  expect(await stream.until('}\n\n')).toBe(
    ': open\n\nid: 8\nevent: tick\ndata: {"lastEventId":"7","caller":"open caller","greeting":"hello"}\n\n',
  )
  gate.resolve()
  expect(await stream.whole()).toEndWith('\n\ndata: "two\\nlines"\n\n')
  expect(app.streams.size).toBe(0)
})

test('what is refused before the first event is a plain refusal; what fails later is the last event', async () => {
  const failure = () => new OpenworkError('read_only', 'Not now')
  await using app = startApp([
    eventRoute({
      ...base,
      handle() {
        throw failure()
      },
    }),
    eventRoute({
      ...base,
      path: '/later',
      async *handle() {
        yield { data: 1 }
        throw failure()
      },
    }),
    eventRoute({
      ...base,
      path: '/bug',
      // biome-ignore lint/correctness/useYield: it does not get that far
      async *handle() {
        throw new TypeError('inner secret')
      },
    }),
  ])
  const refused = await fetch(`${app.url}/events`)
  expect([refused.status, await refused.json()]).toEqual([403, { code: 'read_only', message: 'Not now' }])
  const later = await fetch(`${app.url}/later`)
  expect(await later.text()).toBe(
    ': open\n\ndata: 1\n\nevent: failure\ndata: {"code":"read_only","message":"Not now"}\n\n',
  )
  expect(app.lines.filter(line => line.includes('failed'))).toEqual([])
  const bug = await fetch(`${app.url}/bug`)
  expect(await bug.text()).toContain('"code":"internal_error"')
  expect(app.lines.filter(line => line.includes('inner secret'))).toHaveLength(1)
})

test('a quiet stream shows that it lives', async () => {
  await using app = startApp([streamOf(new EventFeed())], { keepAliveMs: 5 })
  const stream = textOf(await fetch(`${app.url}/events`))
  expect(await stream.until(': keep-alive\n\n: keep-alive\n\n')).toMatch(/^: open\n\n(: keep-alive\n\n)+$/)
  await stream.cancel()
  await using other = startApp([{ ...streamOf(new EventFeed()), keepAliveMs: 5 }], { keepAliveMs: 60_000 })
  const soon = textOf(await fetch(`${other.url}/events`))
  await soon.until(': keep-alive\n\n: keep-alive\n\n')
  await soon.cancel()
})

test('a stream ends when its client would not be let in any more', async () => {
  let isRevoked = false
  const feed = new EventFeed<ServerEvent>()
  await using app = startApp([streamOf(feed)], {
    keepAliveMs: 5,
    admit() {
      if (isRevoked) throw new OpenworkError('unauthorized', 'A token is required')
      return 'caller'
    },
  })
  const stream = textOf(await fetch(`${app.url}/events`))
  await stream.until('keep-alive')
  isRevoked = true
  expect(await stream.whole()).toEndWith(
    'event: failure\ndata: {"code":"unauthorized","message":"A token is required"}\n\n',
  )
  await listeners(feed, 0)
})

test('nothing that happens after a client was shut out reaches it, however long a sign of life is off', async () => {
  let isRevoked = false
  const feed = new EventFeed<ServerEvent>()
  await using app = startApp([streamOf(feed)], {
    admit() {
      if (isRevoked) throw new OpenworkError('unauthorized', 'A token is required')
      return 'caller'
    },
  })
  const stream = textOf(await fetch(`${app.url}/events`))
  feed.publish({ data: 'before' })
  await stream.until('before')
  isRevoked = true
  feed.publish({ data: 'after' })
  expect(await stream.whole()).toBe(
    ': open\n\ndata: "before"\n\nevent: failure\ndata: {"code":"unauthorized","message":"A token is required"}\n\n',
  )
  await listeners(feed, 0)
})

test('a client that leaves is forgotten', async () => {
  const feed = new EventFeed<ServerEvent>()
  await using app = startApp([streamOf(feed)])
  const leaving = new AbortController()
  await fetch(`${app.url}/events`, { signal: leaving.signal })
  await listeners(feed, 1)
  leaving.abort()
  await listeners(feed, 0)
  expect(app.streams.size).toBe(0)
})

test('a client that does not read is asked for no more, given up, and cut off', async () => {
  let taken = 0
  const ended = Promise.withResolvers<void>()
  await using app = startApp(
    [
      eventRoute({
        ...base,
        async *handle({ signal }) {
          signal.addEventListener('abort', () => ended.resolve())
          for (;;) yield { data: { number: taken++, padding: 'x'.repeat(64 * 1024) } }
        },
      }),
    ],
    { keepAliveMs: 20 },
  )
  const socket = connect(app.port, '127.0.0.1')
  socket.on('error', () => {}) // the cut
  socket.pause()
  socket.write('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await ended.promise
  // What the system itself buffers for a connection, a few MB at most.
  expect(taken).toBeLessThan(200)
  expect(app.streams.size).toBe(0)
  while (app.pending() > 0) await Bun.sleep(20)
  socket.destroy()
})

test('streams end properly when the program does', async () => {
  const feed = new EventFeed<ServerEvent>()
  await using app = startApp([streamOf(feed)])
  const stream = textOf(await fetch(`${app.url}/events`))
  await listeners(feed, 1)
  feed.publish({ data: 'last' })
  await stream.until('last')
  app.streams.end()
  expect(await stream.whole()).toBe(': open\n\ndata: "last"\n\n')
  await listeners(feed, 0)
})

test('HEAD tells the kind of answer and listens to nothing', async () => {
  const feed = new EventFeed<ServerEvent>()
  await using app = startApp([streamOf(feed)])
  const head = await fetch(`${app.url}/events`, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
  expect([feed.size, app.streams.size]).toEqual([0, 0])
})

test('a thousand clients get an event that is put into words once', async () => {
  const feed = new EventFeed<ServerEvent>()
  await using app = startApp([streamOf(feed)])
  const clients = Array.from({ length: 1000 }, () => rawClient(app.port))
  await listeners(feed, 1000)
  let worded = 0
  const data = { toJSON: () => `worded ${++worded}` }
  feed.publish({ event: 'tick', data })
  await Promise.all(clients.map(client => client.until('event: tick\ndata: "worded 1"\n\n')))
  expect(worded).toBe(1)
  app.streams.end()
  await Promise.all(clients.map(client => client.until('\r\n0\r\n\r\n')))
  for (const client of clients) client.close()
  await listeners(feed, 0)
})

test('a listener hears what is published from its call on, up to its end', async () => {
  const feed = new EventFeed<{ n: number }>()
  const leaving = new AbortController()
  feed.publish({ n: 0 })
  const listener = feed.listen(leaving.signal)
  feed.publish({ n: 1 })
  expect((await listener.next()).value).toEqual({ n: 1 })
  const next = listener.next()
  leaving.abort()
  expect(await next).toEqual({ done: true, value: undefined })
  feed.publish({ n: 2 })
  expect((await listener.next()).done).toBe(true)
  expect((await feed.listen(leaving.signal).next()).done).toBe(true)
})

test('a listener that has fallen too far behind gets what was kept, then the end', async () => {
  const feed = new EventFeed<{ n: number }>()
  const listener = feed.listen(new AbortController().signal)
  for (let n = 0; n < 1500; n++) feed.publish({ n })
  expect(feed.size).toBe(0)
  const got = []
  for await (const { n } of listener) got.push(n)
  expect(got).toEqual(Array.from({ length: 1000 }, (_, n) => n))
})
