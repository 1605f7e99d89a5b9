// What clients notice of a reload: requests for opencode that come meanwhile are answered after it.
import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { requestHold } from '../../src/api/control.ts'
import { OpenStreams } from '../../src/http/open-streams.ts'
import { OpencodeHolds } from '../../src/server/opencode-holds.ts'
import { eventually } from '../e2e/harness.ts'
import { asClient, asHost, startServer, temporaryFolder, testInProcess } from './start-server.ts'
import { codeOf, serverOf, startUpstream } from './upstream.ts'

type Server = Awaited<ReturnType<typeof startServer>>

const asHostWithJson = { ...asHost, 'content-type': 'application/json' }

async function hold(server: Server, wanted: { directories?: string[]; ttlMs?: number } = {}) {
  const answer = await server.post('/workspaces/holds', asHostWithJson, wanted)
  expect(answer.status).toBe(201)
  return requestHold.parse(await answer.json())
}

const release = async (server: Server, { id }: { id: string }): Promise<unknown> =>
  (await server.json(`/workspaces/holds/${id}`, { method: 'DELETE', headers: asHost })).body

/** Whether something has come to an end, once everything that was on its way before has. */
async function isOver(server: Server, request: Promise<unknown>): Promise<boolean> {
  let over = false
  void request.finally(() => (over = true)).catch(() => {})
  for (let count = 0; count < 3; count += 1) await server.call('/health')
  return over
}

/** An opencode whose answers to `…/slow` the test gives. */
function startSlow() {
  const waiting: (() => void)[] = []
  const upstream = startUpstream(async request => {
    const { pathname } = new URL(request.url)
    if (pathname === '/event')
      return new Response(new ReadableStream({ start: stream => stream.enqueue('data: 1\n\n') }), {
        headers: { 'content-type': 'text/event-stream' },
      })
    if (pathname.endsWith('/prompt_async')) return new Response(null, { status: 204 })
    if (pathname.endsWith('/slow')) await new Promise<void>(resolve => waiting.push(resolve))
    return Response.json({})
  })
  return { ...upstream, answerSlow: () => waiting.splice(0)[0]?.(), waiting }
}

test('requests that come while their workspace is held wait', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const held = await hold(server)
  expect(held).toMatchObject({ openRequests: 0 })
  const answers: Promise<Response>[] = []
  for (const path of ['/opencode/a', `/w/${server.workspaceId}/opencode/b`, '/opencode/c']) {
    answers.push(server.call(path, { headers: asClient }))
    expect(await isOver(server, Promise.race(answers))).toBe(false)
  }
  expect(upstream.seen).toEqual([])
  expect(await release(server, held)).toEqual({ ok: true, released: true })
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  expect(upstream.seen.map(({ url }) => url).toSorted()).toEqual(['/a', '/b', '/c'])
  expect(await release(server, held)).toEqual({ ok: true, released: false })
  expect((await server.call('/opencode/d', { headers: asClient })).status).toBe(200)
})

// Beyond that each has a connection of its own, and the network knows no order.
testInProcess('they go on in the order they came in', async () => {
  await using server = await startServer()
  const [workspace] = server.settings.workspaces
  if (!workspace) throw new Error('no workspace')
  const holds = new OpencodeHolds()
  const { id } = holds.begin(undefined, 10_000)
  const passed: number[] = []
  const all = Array.from({ length: 100 }, async (_, index) => {
    await holds.pass(workspace, { signal: new AbortController().signal, streams: new OpenStreams() })
    passed.push(index)
  })
  holds.end(id)
  await Promise.all(all)
  expect(passed).toEqual([...passed.keys()])
  expect(holds.isEmpty).toBe(true)
})

test('what is open goes on', async () => {
  await using upstream = startSlow()
  await using server = await serverOf(upstream.url)
  const stream = await server.call('/opencode/event', { headers: asClient })
  const reader = stream.body?.getReader()
  await reader?.read()
  const slow = server.call('/opencode/slow', { headers: asClient })
  await eventually('the request to arrive', () => upstream.waiting.length === 1)
  // A question is no work, however long its answer takes.
  const held = await hold(server)
  expect(held.openRequests).toBe(0)
  upstream.answerSlow()
  expect((await slow).status).toBe(200)
  const read = reader?.read()
  expect(read && (await isOver(server, read))).toBe(false)
  await reader?.cancel()
  await release(server, held)
})

test('a prompt that is passed on already is work until it is answered', async () => {
  await using upstream = startSlow()
  await using server = await serverOf(upstream.url)
  const prompt = server.post('/opencode/session/s/slow', asClient, {})
  await eventually('the prompt to arrive', () => upstream.waiting.length === 1)
  const held = await hold(server)
  expect(held.openRequests).toBe(1)
  // Of one that is known to take long nobody waits for the end again.
  const others = await Promise.all(Array.from({ length: 100 }, () => hold(server)))
  expect(others.map(({ openRequests }) => openRequests)).toEqual(others.map(() => 1))
  for (const other of others) await release(server, other)
  upstream.answerSlow()
  expect((await prompt).status).toBe(200)
  await release(server, held)
  expect((await hold(server)).openRequests).toBe(0)
})

test('the host is answered as soon as what was passed on is', async () => {
  await using upstream = startSlow()
  await using server = await serverOf(upstream.url)
  const write = server.post('/opencode/session/s/slow', asClient, {})
  await eventually('the request to arrive', () => upstream.waiting.length === 1)
  const holding = hold(server)
  expect(await isOver(server, holding)).toBe(false)
  upstream.answerSlow()
  await write
  expect((await holding).openRequests).toBe(0)
})

test('a prompt that opencode has only just taken is work, and so is one whose client did not wait', async () => {
  await using upstream = startSlow()
  for (const begin of [
    async (server: Server) => {
      expect((await server.post('/opencode/session/s/prompt_async', asClient, {})).status).toBe(204)
    },
    async (server: Server) => {
      const left = new AbortController()
      const init = { method: 'POST', headers: asClient, body: '{}', signal: left.signal }
      const prompt = server.call('/opencode/session/s/slow', init)
      await eventually('the prompt to arrive', () => upstream.waiting.length === 1)
      left.abort()
      await prompt.catch(() => {})
    },
  ]) {
    await using server = await serverOf(upstream.url)
    await begin(server)
    expect((await hold(server)).openRequests).toBe(1)
  }
})

test('a hold that nobody ends ends by itself', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const held = await hold(server, { ttlMs: 50 })
  expect((await server.call('/opencode/a', { headers: asClient })).status).toBe(200)
  expect(Date.now()).toBeGreaterThanOrEqual(held.expiresAt - 5)
})

test('who does not wait any longer is forgotten, and what was sent is not passed on', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const held = await hold(server)
  const left = new AbortController()
  const request = server.call('/opencode/a', { headers: asClient, signal: left.signal })
  expect(await isOver(server, request)).toBe(false)
  left.abort()
  await request.catch(() => {})
  const other = server.call('/opencode/b', { headers: asClient })
  await isOver(server, other)
  await release(server, held)
  await other
  expect(upstream.seen.map(({ url }) => url)).toEqual(['/b'])
})

test('whoever is admitted no more when the hold ends is refused', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const { id, headers } = await server.issue('collaborator')
  const held = await hold(server)
  const request = server.call('/opencode/a', { headers })
  expect(await isOver(server, request)).toBe(false)
  await server.call(`/tokens/${id}`, { method: 'DELETE', headers: asHost })
  await release(server, held)
  expect((await request).status).toBe(401)
  expect(upstream.seen).toEqual([])
})

test('beyond a number that waits they are told to come again', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const held = await hold(server)
  const answers = Array.from({ length: 204 }, () => server.call('/opencode/a', { headers: asClient }))
  const first = await Promise.race(answers)
  expect(first.status).toBe(503)
  expect(first.headers.get('retry-after')).toBe('1')
  expect(await codeOf(first)).toBe('opencode_unreachable')
  expect(await isOver(server, Promise.all(answers))).toBe(false)
  await release(server, held)
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  expect(statuses.filter(status => status === 200)).toHaveLength(200)
  expect(statuses.filter(status => status === 503)).toHaveLength(4)
}, 20_000)

/** Two workspaces in folders of a server of their own. */
async function startTwo(folder: string, upstream: string) {
  const paths = ['first', 'second'].map(name => join(folder, name))
  for (const path of paths) await mkdir(path, { recursive: true })
  const workspaces = paths.map((path, index) => ({ id: `ws${index}`, path }))
  const file = join(folder, 'server.json')
  await writeFile(file, JSON.stringify({ workspaces }))
  const flags = ['--opencode-base-url', upstream]
  const server = await startServer({ folder, workspacesOfFile: true, flags })
  const keepFirst = () => writeFile(file, JSON.stringify({ workspaces: workspaces.slice(0, 1) }))
  return { server, first: paths[0] ?? '', second: paths[1] ?? '', keepFirst }
}

test('only the workspaces of the folders wait, by whatever way in; of an unknown folder all', async () => {
  await using folder = await temporaryFolder()
  await using upstream = startUpstream()
  const { server, second } = await startTwo(folder.path, upstream.url)
  await using _server = server
  const held = await hold(server, { directories: [join(second, 'deeper')] })
  expect((await server.call('/opencode/free', { headers: asClient })).status).toBe(200)
  const named = { ...asClient, 'x-opencode-directory': encodeURIComponent(second) }
  const waiting = [
    server.call('/w/ws1/opencode/mounted', { headers: asClient }),
    server.call('/opencode/by-header', { headers: named }),
    server.call(`/opencode/by-query?directory=${encodeURIComponent(second)}`, { headers: asClient }),
  ]
  expect(await isOver(server, Promise.race(waiting))).toBe(false)
  await release(server, held)
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200])

  const all = await hold(server, { directories: [folder.path] })
  const both = ['ws0', 'ws1'].map(id => server.call(`/w/${id}/opencode/all`, { headers: asClient }))
  expect(await isOver(server, Promise.race(both))).toBe(false)
  await release(server, all)
  expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200])
})

test('two holds of one workspace are both waited for', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const [one, other] = [await hold(server), await hold(server, { directories: [server.workspace] })]
  const request = server.call('/opencode/a', { headers: asClient })
  await release(server, one)
  expect(await isOver(server, request)).toBe(false)
  await release(server, other)
  expect((await request).status).toBe(200)
})

test('what waits for a workspace that goes is told so at once', async () => {
  await using folder = await temporaryFolder()
  await using upstream = startUpstream()
  const { server, second, keepFirst } = await startTwo(folder.path, upstream.url)
  await using _server = server
  const held = await hold(server, { directories: [second] })
  const request = server.call('/w/ws1/opencode/a', { headers: asClient })
  expect(await isOver(server, request)).toBe(false)
  await keepFirst()
  expect((await server.post('/workspaces/reload', asHost)).status).toBe(200)
  const answer = await request
  expect(answer.status).toBe(404)
  expect(await codeOf(answer)).toBe('workspace_not_found')
  await release(server, held)
})

test('a server that ends does not wait for its holds', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  await hold(server)
  const request = server.call('/opencode/a', { headers: asClient })
  expect(await isOver(server, request)).toBe(false)
  await server.stop()
  expect((await request).status).toBe(503)
})

test('only the host holds, for a quarter of a minute at most', async () => {
  await using server = await startServer()
  for (const headers of [asClient, await server.tokenOf('collaborator'), {}]) {
    expect((await server.call('/workspaces/holds', { method: 'POST', headers })).status).toBe(401)
    expect((await server.call('/workspaces/holds/x', { method: 'DELETE', headers })).status).toBe(401)
  }
  for (const [body, code] of [
    ['{"ttlMs":15001}', 'invalid_payload'],
    ['{"directories":"/"}', 'invalid_payload'],
    ['{', 'invalid_json'],
  ] as const) {
    const answer = await server.call('/workspaces/holds', { method: 'POST', headers: asHostWithJson, body })
    expect(answer.status).toBe(400)
    expect(await codeOf(answer)).toBe(code)
  }
})
