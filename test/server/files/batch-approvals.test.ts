import { expect, test } from 'bun:test'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asClient, asHost, startServer } from '../start-server.ts'
import { base64, openSession, refusal, type Server } from './session-client.ts'

const AUTO = { flags: ['--approval', 'auto'] }

test('a change waits for its approval; a batch asks once, and not at all when nothing would be done', async () => {
  await using server = await startServer()
  const { raw, write } = await openSession(server)
  const [refused] = (await write({ path: 'a', contentBase64: '', ifMatchRevision: 'r' })).items
  expect(refused).toMatchObject({ ok: false, code: 'conflict' })

  const writing = raw('write-batch', {
    writes: [
      { path: 'a', contentBase64: base64('A') },
      { path: 'none', contentBase64: '', ifMatchRevision: 'r' },
      { path: 'b', contentBase64: base64('B') },
    ],
  })
  const [approval] = await waitForApprovals(server, 1)
  expect(approval).toMatchObject({
    action: 'workspace.files.session.write',
    paths: ['a', 'b'].map(name => join(server.workspace, name)),
  })
  await writeFile(join(server.workspace, 'b'), 'somebody was here')
  await server.post(`/approvals/${approval?.id}`, asHost, { reply: 'allow' })
  expect(await (await writing).json()).toMatchObject({ items: [{ ok: true }, { ok: false }, { ok: true }] })

  const deleting = raw('ops', { operations: [{ type: 'delete', path: 'a' }] })
  const [second] = await waitForApprovals(server, 1)
  expect(second).toMatchObject({ action: 'workspace.files.session.ops' })
  await server.post(`/approvals/${second?.id}`, asHost, { reply: 'deny' })
  const answer = await (await deleting).json()
  expect(answer).toMatchObject({ code: 'write_denied', details: { requestId: second?.id, reason: 'denied' } })
  expect((await readdir(server.workspace)).sort()).toEqual(['a', 'b'])
})

type Approval = { id: string; action: string; paths: string[] }

async function waitForApprovals(server: Server, count: number): Promise<Approval[]> {
  for (;;) {
    const { items } = (await server.json('/approvals', { headers: asHost })).body as { items: Approval[] }
    if (items.length >= count) return items
  }
}

test('every change is in the audit, with its absolute path', async () => {
  await using server = await startServer(AUTO)
  const { write, operate } = await openSession(server)
  await write({ path: 'a', contentBase64: '' }, { path: 'none', contentBase64: '', ifMatchRevision: 'r' })
  await operate(
    { type: 'mkdir', path: 'd' },
    { type: 'rename', from: 'a', to: 'd/a' },
    { type: 'delete', path: 'd', recursive: true },
    { type: 'delete', path: 'd' },
  )
  const { body } = await server.json(`/workspace/${server.workspaceId}/audit`, { headers: asClient })
  const { items } = body as { items: { action: string; target: string; summary: string }[] }
  const inWorkspace = (path: string) => join(server.workspace, path)
  expect(items.toReversed().map(({ action, target }) => [action, target])).toEqual([
    ['workspace.files.session.write', inWorkspace('a')],
    ['workspace.files.session.ops', inWorkspace('d')],
    ['workspace.files.session.ops', `${inWorkspace('a')} -> ${inWorkspace('d/a')}`],
    ['workspace.files.session.ops', inWorkspace('d')],
  ])
})

test('writes that wait for their approval hold only so much memory together', async () => {
  await using server = await startServer()
  const { raw } = await openSession(server)
  const contentBase64 = Buffer.alloc(4_000_000).toString('base64')
  const batch = () =>
    raw('write-batch', { writes: Array.from({ length: 8 }, (_, n) => ({ path: `f${n}`, contentBase64 })) })
  const waiting = [batch(), batch(), batch()]
  await waitForApprovals(server, 3)
  const refused = await batch()
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refusal(refused)).toEqual([429, 'too_many_writes'])

  for (const { id } of await waitForApprovals(server, 3))
    await server.post(`/approvals/${id}`, asHost, { reply: 'deny' })
  for (const answer of await Promise.all(waiting)) expect(await refusal(answer)).toEqual([403, 'write_denied'])
  const next = batch()
  const [approval] = await waitForApprovals(server, 1)
  await server.post(`/approvals/${approval?.id}`, asHost, { reply: 'deny' })
  expect(await refusal(await next)).toEqual([403, 'write_denied'])
})
