// The settings file's list, read anew while the server runs.
import { expect, test } from 'bun:test'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { workspaceActivity } from '../../src/api/control.ts'
import { workspaceList } from '../../src/api/workspaces.ts'
import { asClient, asHost, startServer, temporaryFolder } from './start-server.ts'
import { codeOf, startUpstream } from './upstream.ts'

type Server = Awaited<ReturnType<typeof startServer>>
type Entry = Record<string, unknown> & { id: string }

/** Folders `a`, `b`, … with a server that publishes the first ones. */
async function listed(folder: string, names: readonly string[], options: Parameters<typeof startServer>[0] = {}) {
  const entryOf = (id: string): Entry => ({ id, path: join(folder, id), name: `Name of ${id}` })
  const list = async (entries: readonly Entry[]): Promise<void> => {
    for (const { path } of entries) if (typeof path === 'string') await mkdir(path, { recursive: true })
    await writeFile(join(folder, 'server.json'), JSON.stringify({ theirs: 1, workspaces: entries }))
  }
  await list(names.map(entryOf))
  const server = await startServer({ ...options, folder, workspacesOfFile: true })
  return {
    server,
    entryOf,
    list,
    reread: () => server.json('/workspaces/reload', { method: 'POST', headers: asHost }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const idsOf = async (server: Server) => {
  const { items, activeId } = workspaceList.parse((await server.json('/workspaces', { headers: asClient })).body)
  expect(activeId).toBe(items[0]?.id ?? null)
  return items.map(({ id }) => id)
}

/** What a stream has sent, chunk by chunk; undefined at its end. */
function readerOf({ body }: Response) {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  return async (): Promise<string | undefined> => {
    const chunk = await reader?.read()
    return chunk?.done === false ? decoder.decode(chunk.value) : undefined
  }
}

async function endOf(next: () => Promise<string | undefined>): Promise<void> {
  while ((await next()) !== undefined);
}

test('what is added to the file is served, what is taken out of it is not, in the order of the file', async () => {
  await using folder = await temporaryFolder()
  await using world = await listed(folder.path, ['a', 'b'])
  const { server, entryOf, list, reread } = world
  expect(await idsOf(server)).toEqual(['a', 'b'])

  await list([entryOf('c'), { ...entryOf('b'), name: 'Garden' }])

  expect(await reread()).toEqual({ status: 200, body: { ok: true, count: 2 } })
  expect(await idsOf(server)).toEqual(['c', 'b'])
  const status = (await server.json('/status', { headers: asClient })).body
  expect(status).toMatchObject({
    activeWorkspaceId: 'c',
    authorizedRoots: [join(folder.path, 'c'), join(folder.path, 'b')],
  })
  expect(workspaceList.parse((await server.json('/w/b/workspaces', { headers: asClient })).body).items[0]?.name).toBe(
    'Garden',
  )
  expect((await server.call('/workspace/c/config', { headers: asClient })).status).toBe(200)
  const gone = await server.call('/workspace/a/config', { headers: asClient })
  expect([gone.status, await codeOf(gone)]).toEqual([404, 'workspace_not_found'])

  await list([])
  expect(await reread()).toEqual({ status: 200, body: { ok: true, count: 0 } })
  const none = await server.call('/opencode/session', { headers: asClient })
  expect([none.status, await codeOf(none)]).toEqual([400, 'opencode_unconfigured'])
})

test('a file that cannot be read changes nothing', async () => {
  await using folder = await temporaryFolder()
  await using world = await listed(folder.path, ['a', 'b'])
  const { server, entryOf, list, reread } = world
  const file = join(folder.path, 'server.json')
  for (const broken of [
    '{ "workspaces": [',
    '{"workspaces":[{"id":7}]}',
    '{"workspaces":[{"id":"no-path"}]}',
    undefined,
  ]) {
    if (broken === undefined) await rm(file)
    else await writeFile(file, broken)
    const { status, body } = await reread()
    expect([status, body]).toEqual([422, expect.objectContaining({ code: 'invalid_config' })])
    expect(await idsOf(server)).toEqual(['a', 'b'])
  }
  await list([entryOf('b')])
  expect((await reread()).status).toBe(200)
  expect(await idsOf(server)).toEqual(['b'])
})

test('the workspace that a client has activated stays so until the file begins with another one', async () => {
  await using folder = await temporaryFolder()
  await using world = await listed(folder.path, ['a', 'b', 'c'], { flags: ['--read-only'] })
  const { server, entryOf, list, reread } = world
  expect((await server.post('/workspaces/b/activate', asHost)).status).toBe(200)

  await list(['a', 'b', 'c', 'd'].map(entryOf))
  await reread()
  expect(await idsOf(server)).toEqual(['b', 'a', 'c', 'd'])
  await list(['c', 'a', 'b'].map(entryOf))
  await reread()
  expect(await idsOf(server)).toEqual(['c', 'a', 'b'])
  expect((await server.post('/workspaces/a/activate', asHost)).status).toBe(200)
  await list(['c', 'b'].map(entryOf))
  await reread()
  expect(await idsOf(server)).toEqual(['c', 'b'])
})

test('who reads the list anew is the host, of a server whose list is in a file', async () => {
  await using given = await startServer()
  for (const headers of [asClient, await given.tokenOf('collaborator'), {}])
    expect((await given.post('/workspaces/reload', headers)).status).toBe(401)
  const response = await given.post('/workspaces/reload', asHost)
  expect([response.status, await codeOf(response)]).toEqual([501, 'not_available'])
})

test('who works in a workspace that stays notices nothing; of one that goes everything ends', async () => {
  await using folder = await temporaryFolder()
  const controllers = new Map<string, ReadableStreamDefaultController>()
  const held = Promise.withResolvers<void>()
  await using engine = startUpstream(request => {
    const { pathname } = new URL(request.url)
    const directory = request.headers.get('x-opencode-directory') ?? ''
    if (pathname === '/held') return held.promise.then(() => Response.json({ answered: true }))
    if (pathname !== '/event') return Response.json({})
    const body = new ReadableStream({
      start: controller => {
        controllers.set(directory, controller)
        controller.enqueue('data: first\n\n')
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
  await using world = await listed(folder.path, ['goes', 'stays'], { flags: ['--opencode-base-url', engine.url] })
  const { server, entryOf, list, reread } = world
  const headers = asClient
  const streamsOf = async (id: string) => {
    const opened = await server.post(`/workspace/${id}/files/sessions`, headers, {})
    const { session } = (await opened.json()) as { session: { id: string } }
    const paths = [
      `/w/${id}/opencode/event`,
      `/workspace/${id}/events/stream`,
      `/files/sessions/${session.id}/catalog/stream`,
    ]
    const streams = await Promise.all(paths.map(async path => readerOf(await server.call(path, { headers }))))
    for (const next of streams) await next()
    return { session: session.id, streams }
  }
  const [goes, stays] = [await streamsOf('goes'), await streamsOf('stays')]
  const unanswered = ['goes', 'stays'].map(id => server.call(`/w/${id}/opencode/held`, { headers }))
  while (engine.seen.filter(({ url }) => url === '/held').length < 2) await Bun.sleep(5)

  await list([entryOf('stays'), entryOf('new')])
  await reread()

  await Promise.all(goes.streams.map(endOf))
  const [gone, waiting] = unanswered
  expect(await codeOf((await gone) as Response)).toBe('workspace_not_found')
  held.resolve()
  expect(await (await waiting)?.json()).toEqual({ answered: true })
  const session = await server.post(`/files/sessions/${goes.session}/renew`, headers, {})
  expect(await codeOf(session)).toBe('file_session_not_found')
  expect((await server.post(`/files/sessions/${stays.session}/renew`, headers, {})).status).toBe(200)

  controllers.get(join(folder.path, 'stays'))?.enqueue('data: second\n\n')
  await writeFile(join(folder.path, 'stays', 'AGENTS.md'), 'x')
  const [engineNext, reloadNext, filesNext] = stays.streams
  expect(await engineNext?.()).toBe('data: second\n\n')
  for (let text: string | undefined = ''; !text?.includes('"agents"'); text = await reloadNext?.());
  for (let text: string | undefined = ''; !text?.includes('AGENTS.md'); text = await filesNext?.());
  const { body } = await server.json('/workspaces/activity', { headers: asHost })
  expect(workspaceActivity.parse(body).items).toMatchObject([
    { workspaceId: 'stays', listeners: 1 },
    { workspaceId: 'new', listeners: 0, lastRequestAt: null },
  ])
})

test('a workspace that is somewhere else under the same id begins anew', async () => {
  await using folder = await temporaryFolder()
  await using first = startUpstream(streaming)
  await using second = startUpstream(() => Response.json({ second: true }))
  const remote = (baseUrl: string): Entry => ({ id: 'peer', workspaceType: 'remote', baseUrl })
  await using world = await listed(folder.path, ['a'])
  const { server, entryOf, list, reread } = world
  await list([entryOf('a'), remote(first.url)])
  await reread()
  const next = readerOf(await server.call('/w/peer/opencode/event', { headers: asClient }))
  await next()

  await list([entryOf('a'), remote(second.url)])
  await reread()

  await endOf(next)
  expect((await server.json('/w/peer/opencode/session', { headers: asClient })).body).toEqual({ second: true })
})

/** An event stream that goes on for ever. */
function streaming(): Response {
  const body = new ReadableStream({ start: controller => controller.enqueue('data: 1\n\n') })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

test('hundreds of workspaces come and go', async () => {
  await using folder = await temporaryFolder()
  await using engine = startUpstream()
  await using world = await listed(folder.path, ['w0'], { flags: ['--opencode-base-url', engine.url] })
  const { server, entryOf, list, reread } = world
  const ids = Array.from({ length: 300 }, (_, index) => `w${index}`)
  for (const some of [ids, ids.slice(0, 100), ids]) {
    await list(some.map(entryOf))
    expect(await reread()).toEqual({ status: 200, body: { ok: true, count: some.length } })
  }
  // A hundred at once: Bun makes no more than 256 requests in a process, and this one makes the server's, too.
  for (const some of [ids.slice(0, 100), ids.slice(100, 200), ids.slice(200)]) {
    const answers = await Promise.all(some.map(id => server.call(`/w/${id}/opencode/session`, { headers: asClient })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  }
  expect(new Set(engine.seen.map(({ headers }) => headers['x-opencode-directory'])).size).toBe(300)
})
