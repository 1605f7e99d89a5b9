import { expect, test } from 'bun:test'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type ApprovalRequest, approvalList } from '../../src/api/approvals.ts'
import { auditList } from '../../src/api/audit.ts'
import { fileSessionReply } from '../../src/api/files.ts'
import { Approvals } from '../../src/server/approvals.ts'
import { startChanging } from './changes.ts'
import { asClient, asHost, testInProcess } from './start-server.ts'

type Server = Awaited<ReturnType<typeof startChanging>>

const waiting = async (server: Server): Promise<ApprovalRequest[]> =>
  approvalList.parse((await server.json('/approvals', { headers: asHost })).body).items

/** What waits, as soon as that many do. */
async function waitingOf(server: Server, count: number): Promise<ApprovalRequest[]> {
  for (;;) {
    const items = await waiting(server)
    if (items.length === count) return items
    await Bun.sleep(2)
  }
}

const reply = (
  server: Server,
  id: string,
  body: unknown = { reply: 'allow' },
  headers: Record<string, string> = asHost,
) => server.json(`/approvals/${id}`, { method: 'POST', headers, body: JSON.stringify(body) })

const audit = async (server: Server) =>
  auditList.parse((await server.json(`/workspace/${server.workspaceId}/audit`, { headers: asClient })).body).items

test('a change waits for the host, who sees what and whose it is; allowed, it is made', async () => {
  await using server = await startChanging()
  const before = Date.now()
  const answer = server.change('a.txt', { ...asClient, 'x-openwork-client-id': 'phone' })
  const [request] = await waitingOf(server, 1)
  expect(request).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    workspaceId: server.workspaceId,
    action: 'workspace.file.write',
    summary: 'Write a.txt',
    paths: [`${server.workspace}/a.txt`],
    actor: {
      type: 'remote',
      clientId: 'phone',
      scope: 'collaborator',
      tokenHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    createdAt: expect.any(Number),
    expiresAt: (request?.createdAt ?? 0) + 30_000,
  })
  expect(request?.createdAt).toBeGreaterThanOrEqual(before)
  expect(await server.exists('a.txt')).toBe(false)
  expect(await reply(server, request?.id ?? '')).toEqual({ status: 200, body: { ok: true, allowed: true } })
  const { status } = await answer
  expect([status, await server.exists('a.txt'), await waiting(server)]).toEqual([200, true, []])
})

test('denied, a change is not made: also by a reply that says neither', async () => {
  await using server = await startChanging()
  for (const body of [{ reply: 'deny' }, { reply: 'ALLOW' }, { reply: true }, {}]) {
    const answer = server.change('a.txt', asClient)
    const [request] = await waitingOf(server, 1)
    expect(await reply(server, request?.id ?? '', body)).toEqual({ status: 200, body: { ok: true, allowed: false } })
    const response = await answer
    expect([response.status, await response.json()]).toEqual([
      403,
      {
        code: 'write_denied',
        message: 'The host denied this change',
        details: { requestId: request?.id, reason: 'denied' },
      },
    ])
  }
  expect(await server.exists('a.txt')).toBe(false)
})

test('what nobody answers in time is denied', async () => {
  await using server = await startChanging({ flags: ['--approval-timeout', '30'] })
  const response = await server.change('a.txt', asClient)
  const body = z.object({ code: z.string(), details: z.object({ requestId: z.string(), reason: z.string() }) })
  const { code, details } = body.parse(await response.json())
  expect([response.status, code, details.reason]).toEqual([403, 'write_denied', 'timeout'])
  expect((await reply(server, details.requestId)).status).toBe(404)
  expect([await waiting(server), await server.exists('a.txt')]).toEqual([[], false])
})

test('an answer is given once, to what was asked', async () => {
  await using server = await startChanging()
  const answer = server.change('a.txt', asClient)
  const [request] = await waitingOf(server, 1)
  expect((await reply(server, request?.id ?? '')).status).toBe(200)
  expect((await answer).status).toBe(200)
  for (const id of [request?.id ?? '', 'unknown', '%00', '../tokens'])
    expect(await reply(server, encodeURIComponent(id))).toMatchObject({
      status: 404,
      body: { code: 'approval_not_found' },
    })
  for (const [body, code] of [
    ['', 'invalid_json'],
    ['null', 'invalid_payload'],
    ['"allow"', 'invalid_payload'],
  ])
    expect(await server.json('/approvals/1', { method: 'POST', headers: asHost, body })).toMatchObject({
      status: 400,
      body: { code },
    })
})

test('a change whose requester has left is withdrawn and never made', async () => {
  await using server = await startChanging()
  const leaving = new AbortController()
  const left = server.change('a.txt', asClient, { signal: leaving.signal }).catch(error => error.name)
  const [request] = await waitingOf(server, 1)
  leaving.abort()
  expect(await left).toBe('AbortError')
  await waitingOf(server, 0)
  expect((await reply(server, request?.id ?? '')).status).toBe(404)
  expect(await audit(server)).toMatchObject([
    { action: 'approval.gone', target: request?.id, actor: { type: 'remote' }, summary: 'Write a.txt' },
  ])
  expect(await server.exists('a.txt')).toBe(false)
  expect((await server.logged()).out).toContain('499')
})

test('a yes gives nobody a right that was taken meanwhile: a token revoked or rotated, a workspace forgotten', async () => {
  await using server = await startChanging({ workspacesOfFile: true })
  const created = await server.json('/workspaces/local', {
    method: 'POST',
    headers: asHost,
    body: JSON.stringify({ folderPath: server.workspace }),
  })
  expect(created.status).toBe(201)
  const { activeId: workspaceId } = z.object({ activeId: z.string() }).parse(created.body)
  const [revoked, rotated] = [await server.issue('collaborator'), await server.issue('collaborator')]
  const host = (method: string, path: string) => server.call(path, { method, headers: asHost })
  for (const [name, headers, take, status, code] of [
    ['a.txt', revoked.headers, () => host('DELETE', `/tokens/${revoked.id}`), 401, 'unauthorized'],
    ['b.txt', rotated.headers, () => host('POST', `/tokens/${rotated.id}/rotate`), 401, 'unauthorized'],
    ['c.txt', asClient, () => host('DELETE', `/workspaces/${workspaceId}`), 404, 'workspace_not_found'],
  ] as const) {
    const answer = server.change(name, headers, { workspaceId })
    const [request] = await waitingOf(server, 1)
    expect((await take()).status).toBe(200)
    expect((await reply(server, request?.id ?? '')).status).toBe(200)
    const response = await answer
    expect([response.status, await response.json()]).toMatchObject([status, { code }])
    expect(await server.exists(name)).toBe(false)
    const log = await readFile(join(server.settings.dataDir, 'audit', `${workspaceId}.jsonl`), 'utf8')
    expect(JSON.parse(log.trim().split('\n').at(-1) ?? '')).toMatchObject({
      action: 'approval.void',
      target: request?.id,
      summary: `Write ${name}`,
      actor: { type: 'remote' },
    })
  }
})

test('a yes for a change of a file session that was closed meanwhile changes nothing', async () => {
  await using server = await startChanging()
  for (const [route, body] of [
    ['write-batch', { writes: [{ path: 'a.txt', contentBase64: btoa('a') }] }],
    ['ops', { operations: [{ type: 'mkdir', path: 'folder' }] }],
  ] as const) {
    const opened = await server.post(`/workspace/${server.workspaceId}/files/sessions`, asClient, { write: true })
    const { session } = fileSessionReply.parse(await opened.json())
    const answer = server.post(`/files/sessions/${session.id}/${route}`, asClient, body)
    const [request] = await waitingOf(server, 1)
    await server.call(`/files/sessions/${session.id}`, { method: 'DELETE', headers: asClient })
    await reply(server, request?.id ?? '')
    const response = await answer
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'file_session_not_found' }])
    expect((await audit(server))[0]).toMatchObject({ action: 'approval.void', target: request?.id })
  }
  expect(await readdir(server.workspace)).toEqual([])
})

test('a hundred changes of a client wait at once, each with its own answer; one more is refused', async () => {
  await using server = await startChanging()
  const answers = Array.from({ length: 100 }, (_, n) => server.change(`${n}.txt`, asClient))
  const requests = await waitingOf(server, 100)
  expect(requests.map(({ createdAt }) => createdAt)).toEqual(requests.map(({ createdAt }) => createdAt).sort())
  const refused = await server.change('more.txt', asClient)
  expect([refused.status, await refused.json()]).toEqual([
    429,
    expect.objectContaining({ code: 'too_many_approvals', details: { limit: 100 } }),
  ])
  const other = server.change('other.txt', await server.tokenOf('collaborator'))
  const all = await waitingOf(server, 101)

  await Promise.all(
    all.map(({ id, summary }) => reply(server, id, { reply: /[13579]\.txt$/.test(summary) ? 'allow' : 'deny' })),
  )
  const statuses = await Promise.all(answers.map(async answer => (await answer).status))
  expect(statuses).toEqual(statuses.map((_, n) => (n % 2 === 1 ? 200 : 403)))
  expect((await other).status).toBe(403)
  expect([await server.exists('99.txt'), await server.exists('98.txt')]).toEqual([true, false])
})

test('in mode auto nothing waits; and some changes never do', async () => {
  await using auto = await startChanging({ flags: ['--approval', 'auto'] })
  expect((await auto.change('a.txt', asClient)).status).toBe(200)
  expect(await audit(auto)).toMatchObject([{ action: 'workspace.file.write', summary: 'Wrote a.txt' }])
  await using manual = await startChanging()
  expect((await manual.changeUnasked()).status).toBe(200)
  expect(await audit(manual)).toMatchObject([{ action: 'workspace.activate' }])
})

test('only the host and owners see and answer what waits', async () => {
  await using server = await startChanging()
  for (const headers of [asClient, await server.tokenOf('viewer'), await server.tokenOf('collaborator')]) {
    expect((await server.json('/approvals', { headers })).status).toBe(401)
    expect((await server.json('/approvals/events', { headers })).status).toBe(401)
    expect((await reply(server, '1', undefined, headers)).status).toBe(401)
  }
  const owner = await server.tokenOf('owner')
  const answer = server.change('a.txt', asClient)
  const [request] = await waitingOf(server, 1)
  expect((await server.json('/approvals', { headers: owner })).status).toBe(200)
  expect((await reply(server, request?.id ?? '', { reply: 'allow' }, owner)).status).toBe(200)
  expect((await answer).status).toBe(200)
})

test('the audit log says who allowed or denied what, and what was done then', async () => {
  await using server = await startChanging()
  for (const [name, word] of [
    ['a.txt', 'allow'],
    ['b.txt', 'deny'],
  ] as const) {
    const answer = server.change(name, asClient)
    const [request] = await waitingOf(server, 1)
    await reply(server, request?.id ?? '', { reply: word })
    await (await answer).text()
  }
  expect(await audit(server)).toMatchObject([
    { action: 'approval.denied', summary: 'Write b.txt', actor: { type: 'host' } },
    {
      action: 'workspace.file.write',
      summary: 'Wrote a.txt',
      actor: { type: 'remote' },
      target: `${server.workspace}/a.txt`,
    },
    { action: 'approval.allowed', summary: 'Write a.txt', actor: { type: 'host' } },
  ])
})

test('a server that stops denies what waits, and says so in the audit log', async () => {
  await using first = await startChanging()
  const answer = first.change('a.txt', asClient)
  await waitingOf(first, 1)
  await first.stop()
  const response = await answer
  expect([response.status, await response.json()]).toMatchObject([403, { details: { reason: 'denied' } }])
  await using second = await startChanging({ folder: first.folder })
  expect(await audit(second)).toMatchObject([{ action: 'approval.denied', summary: 'Write a.txt' }])
  expect(await first.exists('a.txt')).toBe(false)
})

test('whoever watches gets what waits already, then what is added and what becomes of it', async () => {
  await using server = await startChanging()
  const early = server.change('early.txt', asClient)
  const [first] = await waitingOf(server, 1)
  const events = eventsOf(await server.call('/approvals/events', { headers: asHost }))
  expect(await events.next()).toEqual({ event: 'snapshot', data: { items: [first] } })

  const leaving = new AbortController()
  const late = server.change('late.txt', asClient, { signal: leaving.signal }).catch(() => undefined)
  const added = await events.next()
  expect(added).toMatchObject({ event: 'added', data: { summary: 'Write late.txt' } })
  await reply(server, first?.id ?? '')
  expect(await events.next()).toEqual({
    event: 'resolved',
    data: { id: first?.id, workspaceId: server.workspaceId, outcome: 'allowed', resolvedAt: expect.any(Number) },
  })
  leaving.abort()
  await Promise.all([early, late])
  expect(await events.next()).toMatchObject({ event: 'resolved', data: { id: added?.data.id, outcome: 'gone' } })
  await server.stop()
  expect(await events.next()).toBeUndefined()
})

testInProcess('a question of somebody who has left already is not asked', async () => {
  const outcomes: string[] = []
  const approvals = new Approvals({ mode: 'manual', timeoutMs: 1000 }, ({ outcome }) => outcomes.push(outcome))
  const question = {
    workspaceId: 'w',
    action: 'config.patch',
    summary: '',
    paths: [],
    actor: { type: 'remote' },
  } as const
  await expect(approvals.ask(question, AbortSignal.abort())).rejects.toMatchObject({ code: 'requester_gone' })
  expect([approvals.list(), outcomes]).toEqual([[], []])
})

/** The events of a stream, one at a time; undefined when it has ended. */
function eventsOf(response: Response) {
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    async next(): Promise<{ event: string; data: Record<string, unknown> } | undefined> {
      for (;;) {
        const [, event = '', data = ''] = /^event: (\w+)\ndata: (.*)\n\n/m.exec(text) ?? []
        if (event) {
          text = text.slice(text.indexOf(data) + data.length)
          return { event, data: JSON.parse(data) }
        }
        const { done, value = '' } = await reader.read()
        if (done) return undefined
        text += value
      }
    },
  }
}
