// Who uses opencode through the server, as whoever keeps opencode's memory in bounds is told.
import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type WorkspaceActivity, workspaceActivity } from '../../src/api/control.ts'
import { OpencodeUse } from '../../src/server/opencode-use.ts'
import { asClient, asHost, startServer, temporaryFolder, testInProcess } from './start-server.ts'
import { serverOf, startUpstream } from './upstream.ts'

type Server = Awaited<ReturnType<typeof startServer>>
type Activity = WorkspaceActivity['items'][number]

async function activityOf(server: Server, id = server.workspaceId): Promise<Activity | undefined> {
  const { body } = await server.json('/workspaces/activity', { headers: asHost })
  return workspaceActivity.parse(body).items.find(({ workspaceId }) => workspaceId === id)
}

async function becomes(server: Server, wanted: Partial<Activity>): Promise<void> {
  for (;;) {
    const activity = await activityOf(server)
    const names = Object.keys(wanted) as (keyof Activity)[]
    if (names.every(name => activity?.[name] === wanted[name])) return
    await Bun.sleep(5)
  }
}

/** An opencode whose answers are begun, and go on when the test says so. */
function startSlow() {
  const controllers: ReadableStreamDefaultController[] = []
  const upstream = startUpstream(request => {
    if (!/\/(?:event|long)$/.test(new URL(request.url).pathname)) return Response.json({})
    const body = new ReadableStream({
      start(controller) {
        controllers.push(controller)
        controller.enqueue('data: 1\n\n')
      },
    })
    const contentType = request.url.endsWith('long') ? 'application/json' : 'text/event-stream'
    return new Response(body, { headers: { 'content-type': contentType } })
  })
  return { ...upstream, controllers }
}

test('requests count while they are open, event streams while somebody listens, by either way in', async () => {
  await using upstream = startSlow()
  await using server = await serverOf(upstream.url)
  expect(await activityOf(server)).toEqual({
    workspaceId: server.workspaceId,
    lastRequestAt: null,
    openRequests: 0,
    listeners: 0,
  })
  const before = Date.now()
  expect((await server.call('/opencode/session', { headers: asClient })).status).toBe(200)
  const { lastRequestAt } = (await activityOf(server)) ?? {}
  expect(lastRequestAt).toBeGreaterThanOrEqual(before)
  expect(await activityOf(server)).toMatchObject({ openRequests: 0, listeners: 0 })

  const stop = new AbortController()
  for (const path of ['/opencode/event', `/w/${server.workspaceId}/opencode/event`]) {
    const response = await server.call(path, { headers: asClient, signal: stop.signal })
    await response.body?.getReader().read()
  }
  expect(await activityOf(server)).toMatchObject({ openRequests: 0, listeners: 2 })
  stop.abort()
  await becomes(server, { listeners: 0 })

  // A prompt is answered at once with nothing, and goes on for as long as the model works.
  const answer = await server.call('/opencode/long', { method: 'POST', headers: asClient, body: '{}' })
  await becomes(server, { openRequests: 1 })
  upstream.controllers.at(-1)?.close()
  await answer.text()
  await becomes(server, { openRequests: 0 })

  const left = new AbortController()
  const long = await server.call('/opencode/long', { headers: asClient, signal: left.signal })
  await long.body?.getReader().read()
  await becomes(server, { openRequests: 1 })
  left.abort()
  await becomes(server, { openRequests: 0 })
})

test('what fails, and what opencode ends itself, is open no more', async () => {
  await using upstream = startSlow()
  await using server = await serverOf(upstream.url)
  const stream = await server.call('/opencode/event', { headers: asClient })
  await becomes(server, { listeners: 1 })
  upstream.controllers[0]?.close()
  await stream.text()
  await becomes(server, { listeners: 0 })
  await upstream[Symbol.asyncDispose]()
  expect((await server.call('/opencode/session', { headers: asClient })).status).toBe(503)
  await becomes(server, { openRequests: 0, listeners: 0 })
})

test('a question about opencode as a whole is no use of a workspace', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  expect((await server.call('/opencode/global/config', { headers: await server.tokenOf('owner') })).status).toBe(200)
  expect(await activityOf(server)).toMatchObject({ lastRequestAt: null })
})

test('an unmounted request counts for the workspace whose folder it names', async () => {
  await using folder = await temporaryFolder()
  await using upstream = startUpstream()
  const paths = ['first', 'second'].map(name => join(folder.path, name))
  for (const path of paths) await mkdir(join(path, 'deeper'), { recursive: true })
  const workspaces = paths.map((path, index) => ({ id: `ws${index}`, path }))
  await writeFile(join(folder.path, 'server.json'), JSON.stringify({ workspaces }))
  await using server = await startServer({
    folder: folder.path,
    workspacesOfFile: true,
    flags: ['--opencode-base-url', upstream.url],
  })
  const second = paths[1] ?? ''
  const query = `/opencode/session?directory=${encodeURIComponent(join(second, 'deeper'))}`
  expect((await server.call(query, { headers: asClient })).status).toBe(200)
  const named = { ...asClient, 'x-opencode-directory': encodeURIComponent(second) }
  expect((await server.call('/opencode/session', { headers: named })).status).toBe(200)
  expect(await activityOf(server, 'ws0')).toMatchObject({ lastRequestAt: null })
  expect(await activityOf(server, 'ws1')).toMatchObject({ lastRequestAt: expect.any(Number) })
  expect((await server.call('/opencode/session', { headers: asClient })).status).toBe(200)
  expect(await activityOf(server, 'ws0')).toMatchObject({ lastRequestAt: expect.any(Number) })
})

test('only the host is told', async () => {
  await using server = await startServer()
  for (const headers of [asClient, await server.tokenOf('viewer'), {}])
    expect((await server.call('/workspaces/activity', { headers })).status).toBe(401)
})

testInProcess('of requests in a row the first is told, one at a time, and again when nobody has heard', async () => {
  const told: { id: string; answer: (isTold: boolean) => void }[] = []
  const use = new OpencodeUse({
    onBegin: id => new Promise<boolean>(answer => told.push({ id, answer })),
    onFirst: () => {},
  })
  const ask = (id: string) => use.begin(id, { isQuestion: false, isWrite: false }).end({ leavesWork: false })
  for (const id of ['a', 'a', 'b', 'a']) ask(id)
  expect(told.map(({ id }) => id)).toEqual(['a', 'b'])
  use.begin('c', { isQuestion: true, isWrite: false }).end({ leavesWork: false })
  told[0]?.answer(true)
  told[1]?.answer(false)
  await Promise.resolve()
  for (const id of ['a', 'b']) ask(id)
  expect(told).toHaveLength(2) // whoever was not heard is in no hurry either
  use.forget('a')
  ask('a')
  expect(told.map(({ id }) => id)).toEqual(['a', 'b', 'a'])
})
