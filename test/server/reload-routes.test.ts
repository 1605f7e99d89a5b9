import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ReloadEvent, reloadEventList } from '../../src/api/reload.ts'
import { asClient, startServer } from './start-server.ts'
import { codeOf, serverOf, startUpstream } from './upstream.ts'

type Server = Awaited<ReturnType<typeof startServer>>
type StreamEvent = { id?: string; event?: string; data: unknown }

/** The events of a stream as they come; comments are left out. */
async function listen(server: Server, path: string, headers: Record<string, string> = {}) {
  const stop = new AbortController()
  const response = await server.call(path, { headers: { ...asClient, ...headers }, signal: stop.signal })
  expect(response.headers.get('content-type')).toStartWith('text/event-stream')
  async function* events(): AsyncGenerator<StreamEvent> {
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const fields = text
          .slice(0, end)
          .split('\n')
          .flatMap(line => (line.startsWith(':') ? [] : [line.split(/: (.*)/s).slice(0, 2)]))
        text = text.slice(end + 2)
        const { data, ...rest } = Object.fromEntries(fields) as Record<string, string>
        if (data !== undefined) yield { ...rest, data: JSON.parse(data) }
      }
    }
  }
  const coming = events()
  return {
    async next(): Promise<StreamEvent> {
      const { value, done } = await coming.next()
      if (done) throw new Error('the stream ended')
      return value
    },
    [Symbol.asyncDispose]: async () => stop.abort(),
  }
}

async function addCommand(server: Server, name: string): Promise<void> {
  const folder = join(server.workspace, '.opencode', 'commands')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${name}.md`), name)
}

test('a changed file is told to those who listen and to those who ask', async () => {
  await using server = await startServer()
  const path = `/workspace/${server.workspaceId}/events`
  const { body: before } = await server.json(path, { headers: asClient })
  expect(before).toEqual({
    items: [],
    cursor: 0,
    epoch: expect.any(String),
    oldestSeq: null,
    workspaceId: server.workspaceId,
    disabled: false,
  })
  await using stream = await listen(server, `${path}/stream`)
  expect(await stream.next()).toMatchObject({ event: 'cursor', data: { cursor: 0, oldestSeq: null } })

  await addCommand(server, 'deploy')

  const { id, event, data } = await stream.next()
  expect(event).toBe('reload')
  expect(data).toMatchObject({ seq: 1, reason: 'commands', trigger: { name: 'deploy', action: 'added' } })
  const list = reloadEventList.parse((await server.json(`${path}?since=0`, { headers: asClient })).body)
  expect(list).toMatchObject({ items: [data as ReloadEvent], cursor: 1, oldestSeq: 1 })
  expect(id).toBe(`${list.epoch}:1`)
  expect((await server.json(`${path}?since=1`, { headers: asClient })).body).toMatchObject({ items: [], cursor: 1 })
  for (const bad of ['abc', '-1', '1.5', '']) {
    const { body } = await server.json(`/w/${server.workspaceId}${path}?since=${bad}`, { headers: asClient })
    expect(reloadEventList.parse(body).items).toHaveLength(1)
  }

  // Who was away is given what was missed; who comes from another life of the server is told to look at everything.
  await using back = await listen(server, `${path}/stream`, { 'last-event-id': `${list.epoch}:0` })
  expect([(await back.next()).event, (await back.next()).data]).toEqual(['cursor', data])
  await using stranger = await listen(server, `${path}/stream`, { 'last-event-id': 'other:0' })
  expect(await stranger.next()).toMatchObject({ event: 'reset', data: { cursor: 1 } })
})

test('who is cut off before anything happened is given what happens meanwhile', async () => {
  await using server = await startServer()
  const path = `/workspace/${server.workspaceId}/events`
  let place: string | undefined
  {
    await using stream = await listen(server, `${path}/stream`)
    place = (await stream.next()).id
  }
  await using other = await listen(server, `${path}/stream`)
  await other.next()
  await addCommand(server, 'meanwhile')
  const { data } = await other.next()

  await using back = await listen(server, `${path}/stream`, { 'last-event-id': place ?? '' })
  const opening = await back.next()
  expect(opening).toMatchObject({ id: place, event: 'cursor' }) // cut off right here, it would ask from the same place
  expect((await back.next()).data).toEqual(data)
})

test('events are for clients of a workspace that is there', async () => {
  await using server = await startServer()
  for (const tail of ['events', 'events/stream']) {
    expect((await server.call(`/workspace/${server.workspaceId}/${tail}`)).status).toBe(401)
    const unknown = await server.call(`/workspace/ws_unknown/${tail}`, { headers: asClient })
    expect([unknown.status, await codeOf(unknown)]).toEqual([404, 'workspace_not_found'])
    const other = await server.call(`/w/ws_other/workspace/${server.workspaceId}/${tail}`, { headers: asClient })
    expect([other.status, await codeOf(other)]).toEqual([404, 'not_found'])
  }
})

test('reloading has opencode drop its instance of the folder, and is written down', async () => {
  await using opencode = startUpstream(() => Response.json(true))
  await using server = await serverOf(opencode.url, ['--read-only'])
  const path = `/workspace/${server.workspaceId}/engine/reload`

  const { status, body } = await server.json(path, { method: 'POST', headers: asClient, body: 'ignored' })

  expect([status, body]).toEqual([200, { ok: true, reloadedAt: expect.any(Number) }])
  expect(opencode.seen).toMatchObject([
    {
      method: 'POST',
      url: `/instance/dispose?directory=${encodeURIComponent(server.workspace)}`,
      headers: { authorization: `Basic ${btoa('opencode:engine-password')}` },
    },
  ])
  const audit = await server.json(`/workspace/${server.workspaceId}/audit`, { headers: asClient })
  expect(audit.body).toMatchObject({ items: [{ action: 'engine.reload', target: opencode.url }] })
  const viewer = await server.call(path, { method: 'POST', headers: await server.tokenOf('viewer') })
  expect([viewer.status, await codeOf(viewer)]).toEqual([403, 'forbidden'])
})

test('a reload that opencode refuses, or cannot hear, is no success', async () => {
  await using refusing = startUpstream(() => new Response('no such folder', { status: 404 }))
  await using server = await serverOf(refusing.url)
  const refused = await server.json(`/workspace/${server.workspaceId}/engine/reload`, {
    method: 'POST',
    headers: asClient,
  })
  expect([refused.status, refused.body]).toEqual([
    502,
    expect.objectContaining({ code: 'opencode_reload_failed', details: { status: 404, body: 'no such folder' } }),
  ])
  const audit = await server.json(`/workspace/${server.workspaceId}/audit`, { headers: asClient })
  expect(audit.body).toEqual({ items: [] })

  await refusing[Symbol.asyncDispose]()
  const gone = await server.call(`/workspace/${server.workspaceId}/engine/reload`, {
    method: 'POST',
    headers: asClient,
  })
  expect([gone.status, await codeOf(gone)]).toEqual([503, 'opencode_unreachable'])

  await using bare = await startServer()
  const none = await bare.call(`/workspace/${bare.workspaceId}/engine/reload`, { method: 'POST', headers: asClient })
  expect([none.status, await codeOf(none)]).toEqual([400, 'opencode_unconfigured'])
})
