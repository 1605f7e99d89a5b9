import { expect, test } from 'bun:test'
import type { HostSnapshot } from '../../../src/api/host.ts'
import { hostClient } from '../../../src/api/host-client.ts'
import { hostSource, type Whereabouts } from '../../../src/cli/dashboard/host-source.ts'
import type { SourceEvent } from '../../../src/dashboard/source.ts'

const snapshot = (health: HostSnapshot['health']): HostSnapshot => ({
  runId: 'r',
  version: '1.0.0',
  pid: 1,
  startedAt: 1,
  serves: 'one',
  workspace: '/w',
  isDetached: false,
  health,
  services: [],
  connection: { baseUrl: 'u', connectUrl: 'u', isRemote: false, opencodeUrl: 'u', attachCommand: 'a' },
  approvalMode: 'manual',
  readOnly: false,
  approvals: null,
  sessions: null,
  workspaces: [],
  reloads: [],
  router: null,
})

const log = (...seqs: number[]) => ({
  event: 'log',
  data: {
    entries: seqs.map(seq => ({ seq, atMs: 1, service: 's', level: 'info', text: `line ${seq}` })),
    dropped: 0,
  },
})

/** Answers each request for events with the next of these streams, which ends then; the last one stays open. */
function serveStreams(...streams: readonly object[][]) {
  let asked = 0
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => {
      const isLast = asked === streams.length - 1
      const events = streams[asked++] as { event: string; data: unknown }[]
      const body = events.map(({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('')
      return new Response(
        new ReadableStream({
          start: controller => {
            controller.enqueue(new TextEncoder().encode(body))
            if (!isLast) controller.close()
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      )
    },
  })
  const client = hostClient({ baseUrl: `http://127.0.0.1:${server.port}`, token: 't', maxSilenceMs: 500 })
  return { client, [Symbol.asyncDispose]: () => server.stop(true) }
}

/** What a source tells, until one of its events is the one waited for. */
async function toldUntil(
  source: ReturnType<typeof hostSource>,
  isLast: (event: SourceEvent) => boolean,
): Promise<SourceEvent[]> {
  const told: SourceEvent[] = []
  const done = Promise.withResolvers<void>()
  const stop = source.listen(event => {
    told.push(event)
    if (isLast(event)) done.resolve()
  })
  await done.promise
  stop()
  return told
}

const briefly = (event: SourceEvent): unknown => {
  if (event.type === 'log') return event.entries.map(({ seq }) => seq)
  if (event.type === 'snapshot') return event.snapshot.health
  return event.type === 'connection' ? event.state : event
}

test('a connection that is lost is made again, at another address too, and each log line is told once', async () => {
  await using first = serveStreams([{ event: 'snapshot', data: snapshot('starting') }, log(1, 2)], [])
  await using second = serveStreams([{ event: 'snapshot', data: snapshot('ready') }, log(1, 2, 3)], [])
  const source = hostSource(first.client, async (): Promise<Whereabouts> => ({ client: second.client }))

  const told = await toldUntil(source, event => event.type === 'log' && event.entries.some(({ seq }) => seq === 3))

  expect(told.map(briefly)).toEqual(['connected', 'starting', [1, 2], 'lost', 'connected', 'ready', [3]])
})

test('it is tried while nothing is known of the host, and the end is told with why', async () => {
  const known: (Whereabouts | undefined)[] = [undefined, { end: { failure: 'it was killed' } }]
  const source = hostSource(hostClient({ baseUrl: 'http://127.0.0.1:1', token: 't' }), async () => known.shift())

  const told = await toldUntil(source, ({ type }) => type === 'ended')

  expect(told.map(briefly)).toEqual(['lost', { type: 'ended', failure: 'it was killed' }])
})

test('of a host that ended of a service that gave up it is told as well, though it went in good order', async () => {
  const service = { name: 'opencode', state: 'gave-up', reason: 'exit code 7', restarts: 5 } as const
  const last = { ...snapshot('failed'), services: [service] }
  await using host = serveStreams([{ event: 'snapshot', data: last }], [])
  const source = hostSource(host.client, async () => ({ end: { failure: undefined } }))

  const told = await toldUntil(source, ({ type }) => type === 'ended')

  expect(told.at(-1)).toEqual({ type: 'ended', failure: 'opencode gave up: exit code 7' })
})

test('a host from which nothing comes any more does not answer, since it was heard of last', async () => {
  await using host = serveStreams([{ event: 'snapshot', data: snapshot('ready') }, log(1)])
  const source = hostSource(host.client, async () => undefined)

  const told = await toldUntil(source, event => event.type === 'connection' && event.state === 'lost')

  const lost = told.at(-1) as Extract<SourceEvent, { type: 'connection' }>
  expect(lost).toMatchObject({ state: 'lost', reason: 'the host does not answer' })
  expect(lost.sinceMs).toBeLessThan(Date.now())
})

test('of a host that stops it is said that it does', async () => {
  await using host = serveStreams([{ event: 'snapshot', data: snapshot('stopping') }], [])
  const source = hostSource(host.client, async () => undefined)

  const told = await toldUntil(source, event => event.type === 'connection' && event.state === 'lost')

  expect(told.at(-1)).toEqual({
    type: 'connection',
    state: 'lost',
    reason: 'the host is stopping',
    sinceMs: expect.any(Number),
  })
})
