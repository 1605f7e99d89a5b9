import { describe, expect, test } from 'bun:test'
import { linkSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { z } from 'zod'
import { catalogPage, fileEvents, fileStreamEvents } from '../../src/api/catalog.ts'
import { fileSessionReply } from '../../src/api/files.ts'
import { StreamClient, type StreamRequest } from './file-index/stream-client.ts'
import { asClient, asHost, startServer } from './start-server.ts'

type Options = Parameters<typeof startServer>[0]

/** A server with a file session of its one workspace. */
async function startCatalog(options: Options = {}) {
  const server = await startServer(options)
  const opened = await server.post(`/workspace/${server.workspaceId}/files/sessions`, asClient, {})
  const { session } = (await opened.json()) as { session: { id: string } }
  const base = `/files/sessions/${session.id}`
  const get = async <Shape extends z.ZodType>(path: string, shape: Shape): Promise<z.infer<Shape>> => {
    const { status, body } = await server.json(`${base}/catalog/${path}`, { headers: asClient })
    expect({ path, status, body }).toMatchObject({ path, status: 200 })
    return shape.parse(body)
  }
  return {
    server,
    base,
    sessionId: session.id,
    async write(path: string, content = path): Promise<void> {
      await mkdir(dirname(join(server.workspace, path)), { recursive: true })
      await writeFile(join(server.workspace, path), content)
    },
    snapshot: (query = '') => get(`snapshot${query}`, catalogPage),
    events: (query: string) => get(`events${query}`, fileEvents),
    stream: (request: Omit<StreamRequest, 'url' | 'headers'> & { query?: string } = {}) =>
      new StreamClient({
        ...request,
        url: `${server.url}${base}/catalog/stream${request.query ?? ''}`,
        headers: asClient,
      }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const isReady = ({ received }: StreamClient): boolean => received.length > 0

/** Paths of the changes a stream has sent. */
const changesOf = ({ received }: StreamClient): string[] =>
  received.filter(({ event }) => event === 'change').map(({ data }) => fileStreamEvents.change.parse(data).path)

const sequenceOf = ({ received }: StreamClient): number[] =>
  received.filter(({ event }) => event === 'change').map(({ data }) => fileStreamEvents.change.parse(data).seq)

describe('the snapshot', () => {
  test('lists files and folders by the bytes of their paths, as the protocol says', async () => {
    await using at = await startCatalog()
    for (const path of ['a.md', 'B.md', 'c.md', 'd/e.md']) await at.write(path)
    const page = await at.snapshot()
    expect(page.items.map(({ path, kind, size }) => [path, kind, size])).toEqual([
      ['B.md', 'file', 4],
      ['a.md', 'file', 4],
      ['c.md', 'file', 4],
      ['d', 'dir', 0],
      ['d/e.md', 'file', 6],
    ])
    expect(page).toMatchObject({
      sessionId: at.sessionId,
      workspaceId: at.server.workspaceId,
      total: 5,
      truncated: false,
    })
    expect(page.items[0]?.revision).toStartWith(`${page.items[0]?.mtimeMs}:4`)
    expect(page.nextAfter).toBeUndefined()
    expect(page.degraded).toBeUndefined()
  })

  test('goes on behind `after`, keeps to `prefix`, leaves folders out, and takes any limit', async () => {
    await using at = await startCatalog()
    for (const path of ['a', 'd/1', 'd/2', 'd/é x', 'd-1', 'z']) await at.write(path)
    const first = await at.snapshot('?limit=3')
    expect([first.total, first.truncated, first.nextAfter]).toEqual([7, true, 'd-1'])
    const rest = await at.snapshot(`?after=${first.nextAfter}&limit=nonsense`)
    expect(rest.items.map(({ path }) => path)).toEqual(['d/1', 'd/2', 'd/é x', 'z'])
    const below = await at.snapshot('?prefix=/workspace/d/&includeDirs=false&limit=0')
    expect(below.items.map(({ path }) => path)).toEqual(['d/1', 'd/2', 'd/é x'])
    for (const everything of ['?prefix=', '?prefix=/', '?prefix=./', '?after='])
      expect((await at.snapshot(everything)).total).toBe(7)
  })

  test('leaves out what the settings say, and lists it when asked for', async () => {
    await using at = await startCatalog({ flags: ['--catalog-ignore', '*.log,dist/**'] })
    for (const path of ['a.log', 'dist/b', 'c', 'node_modules/d/e.js']) await at.write(path)
    expect((await at.snapshot('?includeDirs=false')).items.map(({ path }) => path)).toEqual(['c'])
    const packages = await at.snapshot('?prefix=node_modules&includeDirs=false')
    expect(packages.items.map(({ path }) => path)).toEqual(['node_modules/d/e.js'])
  })

  test('refuses prefixes that are no path in the workspace', async () => {
    await using at = await startCatalog()
    for (const prefix of ['..', 'a/../../b', 'a%00b', '.%2F..']) {
      const { status, body } = await at.server.json(`${at.base}/catalog/snapshot?prefix=${prefix}`, {
        headers: asClient,
      })
      expect([prefix, status, body]).toMatchObject([prefix, 400, { code: 'invalid_path' }])
    }
  })

  test('is there under the mount of its workspace, and for nobody else’s token', async () => {
    await using at = await startCatalog()
    await at.write('a')
    const mounted = `/w/${at.server.workspaceId}${at.base}`
    const other = await at.server.tokenOf('collaborator')
    for (const route of ['snapshot', 'events', 'stream']) {
      const ask = (path: string, headers: Record<string, string>) => at.server.call(path, { headers })
      const own = await ask(`${mounted}/catalog/${route}`, asClient)
      expect([route, own.status]).toEqual([route, 200])
      await own.body?.cancel()
      const refused = async (path: string, headers: Record<string, string>): Promise<unknown> =>
        ((await (await ask(path, headers)).json()) as { code: string }).code
      expect(await refused(`${at.base}/catalog/${route}`, other)).toBe('forbidden')
      expect(await refused(`${at.base}/catalog/${route}`, {})).toBe('unauthorized')
      expect(await refused(`/files/sessions/none/catalog/${route}`, asClient)).toBe('file_session_not_found')
      expect(await refused(`/w/none${at.base}/catalog/${route}`, asClient)).toBe('workspace_not_found')
    }
  })
})

describe('the events', () => {
  test('come to a poll that waits, from outside and from the file routes, once each', async () => {
    await using at = await startCatalog({ flags: ['--approval', 'auto'] })
    const { cursor, epoch } = await at.snapshot()
    const waiting = at.events(`?since=${cursor}&epoch=${epoch}&wait=25`)
    await at.write('from-outside.md')
    const { items, ...state } = await waiting
    expect(items.map(({ type, path, seq }) => [type, path, seq])).toEqual([['write', 'from-outside.md', 1]])
    expect(state).toEqual({ cursor: 1, epoch, oldestSeq: 1, reset: false })

    const body = { writes: [{ path: 'notes/own.md', contentBase64: btoa('own') }] }
    const written = await at.server.post(`${at.base}/write-batch`, asClient, body)
    const { cursor: after } = (await written.json()) as { cursor: number }
    const own = await at.events('?since=1')
    expect(own.items.map(({ type, path }) => `${type} ${path}`)).toEqual(['mkdir notes', 'write notes/own.md'])
    expect([after, own.cursor]).toEqual([3, 3])
    const item = (await at.snapshot('?prefix=notes/own.md')).items[0]
    expect(own.items[1]?.revision).toBe(item?.revision ?? '')
    await at.write('last')
    await at.events('?since=3&wait=25')
    expect((await at.events('?since=1')).items.map(({ path }) => path)).toEqual(['notes', 'notes/own.md', 'last'])
  })

  test('are not told to a poll whose token was revoked while it waited', async () => {
    await using at = await startCatalog()
    const { id, headers } = await at.server.issue('viewer')
    const opened = await at.server.post(`/workspace/${at.server.workspaceId}/files/sessions`, headers, {})
    const { session } = fileSessionReply.parse(await opened.json())
    const { cursor } = await at.snapshot()
    const path = `/files/sessions/${session.id}/catalog/events?since=${cursor}&wait=25`
    const waiting = at.server.json(path, { headers })
    expect((await at.server.call(`/tokens/${id}`, { method: 'DELETE', headers: asHost })).status).toBe(200)
    await at.write('secret-plan.md')
    expect(await waiting).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
  })

  test('tell a client of another time to take a new snapshot', async () => {
    await using at = await startCatalog()
    const { epoch } = await at.snapshot()
    expect((await at.events('')).reset).toBe(false)
    expect((await at.events(`?since=0&epoch=${epoch}`)).reset).toBe(false)
    for (const query of ['?since=0&epoch=another&wait=25', '?since=7&wait=25', `?since=7&epoch=${epoch}&wait=25`])
      expect(await at.events(query)).toEqual({ items: [], cursor: 0, epoch, oldestSeq: 1, reset: true })
  })

  test('are forgotten behind the newest 500, which is said', async () => {
    await using at = await startCatalog()
    await at.snapshot()
    // Moved in as a whole: a file that is written in place may be seen twice, without and with its content.
    const many = join(at.server.folder, 'many')
    await mkdir(many)
    await Promise.all(Array.from({ length: 600 }, (_, n) => writeFile(join(many, `${n}`), '')))
    await rename(many, join(at.server.workspace, 'many'))
    for (let since = 0; since < 601; ) since = (await at.events(`?since=${since}&wait=25`)).cursor
    const { cursor, items, oldestSeq, reset } = await at.events('?since=50')
    expect([items.length, oldestSeq, reset]).toEqual([500, cursor - 499, true])
    expect((await at.events(`?since=${oldestSeq - 1}`)).reset).toBe(false)
    const late = at.stream({ query: '?since=50' })
    await late.until(isReady)
    expect(late.received[0]).toMatchObject({ event: 'reset', data: { cursor, oldestSeq } })
    await late.drop()
  }, 20_000)
})

describe('the stream', () => {
  test('says where it is, sends changes as they come, and goes on behind the last event a client has', async () => {
    await using at = await startCatalog()
    const { epoch } = await at.snapshot()
    const first = at.stream()
    await first.until(isReady)
    expect(first.received[0]).toEqual({
      id: `${epoch}:0`,
      event: 'ready',
      data: { epoch, cursor: 0, oldestSeq: 1 },
    })
    await at.write('a')
    await first.until(client => changesOf(client).length === 1)
    expect(first.lastEventId).toBe(`${epoch}:1`)
    await first.drop()
    await at.write('b')
    await at.events('?since=1&wait=25')

    for (const request of [{ lastEventId: first.lastEventId }, { query: `?since=1&epoch=${epoch}` }]) {
      const second = at.stream(request)
      await second.until(client => changesOf(client).length === 1)
      expect([second.received[0]?.event, changesOf(second)]).toEqual(['ready', ['b']])
      await second.drop()
    }
  })

  test('resets a client of another epoch, of a number to come, or of no id at all, and then goes on', async () => {
    await using at = await startCatalog()
    const { epoch } = await at.snapshot()
    const ids = [`${crypto.randomUUID()}:0`, `${epoch}:9`, 'nonsense', '']
    const clients = ids.map(lastEventId => at.stream({ lastEventId }))
    await Promise.all(clients.map(client => client.until(isReady)))
    await at.write('a')
    await Promise.all(clients.map(client => client.until(each => changesOf(each).length === 1)))
    // An empty id is how a client says it has none.
    expect(clients.map(({ received }) => received[0]?.event)).toEqual(['reset', 'reset', 'reset', 'ready'])
    await Promise.all(clients.map(client => client.drop()))
  })

  test('ends when its session is closed, and with the server', async () => {
    await using at = await startCatalog()
    const closed = at.stream()
    await closed.until(isReady)
    await at.server.call(at.base, { method: 'DELETE', headers: asClient })
    await at.write('a')
    await closed.until(() => false)
    expect(closed.received.at(-1)).toMatchObject({ event: 'failure', data: { code: 'file_session_not_found' } })

    await using other = await startCatalog()
    const left = other.stream()
    await left.until(isReady)
    await other.server.stop()
    await left.until(() => false)
    expect(left.isEnded).toBe(true)
  })

  test('gives a thousand clients every change once', async () => {
    await using at = await startCatalog({ flags: ['--no-log-requests'] })
    const clients = Array.from({ length: 1_000 }, () => at.stream())
    await Promise.all(clients.map(client => client.until(isReady)))
    const expected = Array.from({ length: 20 }, (_, n) => `file-${n}`)
    for (const path of expected) await at.write(path)
    await Promise.all(clients.map(client => client.until(each => changesOf(each).length >= expected.length)))
    const different = clients.filter(client => changesOf(client).toSorted().join() !== expected.toSorted().join())
    expect(different.length).toBe(0)
    expect(new Set(clients.map(client => changesOf(client).join())).size).toBe(1)
    await Promise.all(clients.map(client => client.drop()))
  }, 30_000)

  test('loses and repeats nothing for clients that are cut off a hundred times', async () => {
    await using at = await startCatalog({ flags: ['--no-log-requests'] })
    const { cursor, epoch } = await at.snapshot()
    const done = new AbortController()
    const writing = (async () => {
      for (let n = 0; !done.signal.aborted; n += 1) {
        await Promise.all([at.write(`x/${n}`), at.write(`y/${n % 7}`), at.write(`z/${n}/a/b`)])
        await rm(join(at.server.workspace, `z/${n}`), { recursive: true })
        await at.events(`?since=${(await at.events('')).cursor}&wait=25`)
      }
    })()
    const clients = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const seen: number[] = []
        let lastEventId: string | undefined = `${epoch}:${cursor}`
        for (let round = 0; round < 10; round += 1) {
          const client = at.stream({ lastEventId })
          await client.until(({ received }) => received.length > round % 3)
          await client.drop()
          seen.push(...sequenceOf(client))
          lastEventId = client.lastEventId ?? lastEventId
        }
        return { seen, lastEventId }
      }),
    )
    done.abort()
    await at.write('the-end')
    await writing
    for (const { seen, lastEventId } of clients) {
      const last = at.stream({ lastEventId })
      await last.until(client => changesOf(client).includes('the-end'))
      await last.drop()
      seen.push(...sequenceOf(last))
      expect(seen.length).toBeGreaterThan(0)
      expect(seen).toEqual(seen.map((_, index) => index + 1))
    }
  }, 30_000)
})

test('a catalog of 20,000 files is the same through pages of any size, and does not grow slow', async () => {
  await using at = await startCatalog({ flags: ['--no-log-requests'] })
  const one = join(at.server.folder, 'one file of many names')
  await writeFile(one, '')
  for (let folder = 0; folder < 400; folder += 1) {
    const path = join(at.server.workspace, `src/${folder % 20}/${folder}`)
    await mkdir(path, { recursive: true })
    for (let n = 0; n < 50; n += 1) linkSync(one, join(path, `${n}.ts`))
  }
  const all = (await at.snapshot('?limit=10000')).items
  expect(all.length).toBe(10_000)
  const walked: string[] = []
  for (let after = ''; ; ) {
    const page = await at.snapshot(`?limit=1777&includeDirs=false&after=${after}`)
    expect(page.total).toBe(20_000 - walked.length)
    walked.push(...page.items.map(({ path }) => path))
    if (!page.truncated) break
    after = page.nextAfter ?? ''
  }
  expect(walked.length).toBe(20_000)
  expect(new Set(walked).size).toBe(20_000)
  expect((await at.snapshot('?prefix=src/7&limit=1')).total).toBe(20 * 51 + 1)
}, 30_000)
