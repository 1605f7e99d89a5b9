import { describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileSessionReply } from '../../../src/api/files.ts'
import { FileSessions } from '../../../src/server/files/sessions.ts'
import { asClient, asHost, startServer } from '../start-server.ts'
import { base64, openSession, refusal, textOf } from './session-client.ts'

const AUTO = { flags: ['--approval', 'auto'] }

describe('a session', () => {
  test('lives as long as asked, within limits, and is renewed and closed', async () => {
    await using server = await startServer(AUTO)
    for (const [ttlSeconds, ttlMs] of [
      [undefined, 900_000],
      ['60', 900_000],
      [null, 900_000],
      [1, 30_000],
      [-5, 30_000],
      [90, 90_000],
      [1e9, 86_400_000],
    ])
      expect((await openSession(server, { ttlSeconds })).session.ttlMs).toBe(ttlMs as number)

    const { session, path } = await openSession(server, { ttlSeconds: 30 })
    expect(session).toMatchObject({ workspaceId: server.workspaceId, canWrite: true })
    expect(session.expiresAt).toBe(session.createdAt + 30_000)
    const renewed = fileSessionReply.parse(
      await (await server.post(`${path}/renew`, asClient, { ttlSeconds: 60 })).json(),
    )
    expect(renewed.session).toMatchObject({ id: session.id, createdAt: session.createdAt, ttlMs: 60_000 })

    const close = () => server.json(path, { method: 'DELETE', headers: asClient })
    expect(await close()).toEqual({ status: 200, body: { ok: true } })
    expect(await close()).toMatchObject({ status: 404, body: { code: 'file_session_not_found' } })
    expect(await refusal(await server.post(`${path}/renew`, asClient, {}))).toEqual([404, 'file_session_not_found'])
  })

  test('writes only for those who may, and says so', async () => {
    await using server = await startServer(AUTO)
    const reading = await openSession(server, { write: false })
    expect(reading.session.canWrite).toBe(false)
    const writes = { writes: [{ path: 'a', contentBase64: '' }] }
    expect(await refusal(await reading.raw('write-batch', writes))).toEqual([403, 'forbidden'])
    const operations = { operations: [{ type: 'mkdir', path: 'a' }] }
    expect(await refusal(await reading.raw('ops', operations))).toEqual([403, 'forbidden'])

    const viewer = await openSession(server, { headers: await server.tokenOf('viewer') })
    expect(viewer.session.canWrite).toBe(false)
    expect(await refusal(await viewer.raw('write-batch', writes))).toEqual([403, 'forbidden'])
    expect(await refusal(await viewer.raw('ops', operations))).toEqual([403, 'forbidden'])
    expect(await readdir(server.workspace)).toEqual([])
  })

  test('of a read-only server reads', async () => {
    await using server = await startServer({ flags: ['--read-only', '--approval', 'auto'] })
    await writeFile(join(server.workspace, 'a'), 'A')
    const session = await openSession(server, { write: true })
    expect(session.session.canWrite).toBe(false)
    expect(textOf((await session.read('a'))[0])).toBe('A')
    const writes = { writes: [{ path: 'a', contentBase64: '' }] }
    expect(await refusal(await session.raw('write-batch', writes))).toEqual([403, 'read_only'])
  })

  test('belongs to the token that opened it', async () => {
    await using server = await startServer(AUTO)
    const { path } = await openSession(server)
    const owner = await server.tokenOf('owner')
    for (const headers of [owner, asHost])
      for (const [name, body] of Object.entries({
        renew: {},
        'read-batch': { paths: ['a'] },
        'write-batch': { writes: [{ path: 'a', contentBase64: '' }] },
        ops: { operations: [{ type: 'mkdir', path: 'a' }] },
      }))
        expect(await refusal(await server.post(`${path}/${name}`, headers, body))).toEqual([403, 'forbidden'])
    expect(await refusal(await server.call(path, { method: 'DELETE', headers: owner }))).toEqual([403, 'forbidden'])
  })

  test('is reached under the mount of its workspace and no other', async () => {
    await using server = await startServer(AUTO)
    const mount = `/w/${server.workspaceId}`
    const opened = await server.post(`${mount}/workspace/${server.workspaceId}/files/sessions`, asClient, {})
    const { session } = fileSessionReply.parse(await opened.json())
    const read = (base: string) =>
      server.post(`${base}/files/sessions/${session.id}/read-batch`, asClient, { paths: ['a'] })
    expect((await read(mount)).status).toBe(200)
    expect(await refusal(await read('/w/ws_other'))).toEqual([404, 'workspace_not_found'])
    const unknown = await server.post(`${mount}/files/sessions/unknown/read-batch`, asClient, { paths: ['a'] })
    expect(await refusal(unknown)).toEqual([404, 'file_session_not_found'])
  })

  test('needs a workspace, a folder, a token and a JSON body', async () => {
    await using server = await startServer(AUTO)
    const open = (id: string, headers: Record<string, string>, body?: unknown) =>
      server.post(`/workspace/${id}/files/sessions`, headers, body)
    expect(await refusal(await open('ws_none', asClient, {}))).toEqual([404, 'workspace_not_found'])
    expect(await refusal(await open(server.workspaceId, {}, {}))).toEqual([401, 'unauthorized'])
    expect(await refusal(await open(server.workspaceId, asClient))).toEqual([400, 'invalid_json'])
    expect(await refusal(await open(server.workspaceId, asClient, null))).toEqual([400, 'invalid_payload'])
  })
})

test('there are at most 256 sessions: one more ends the one that would end first', () => {
  const sessions = new FileSessions()
  const caller = { actor: { type: 'remote', tokenHash: 'h' } } as const
  const open = (ttlSeconds: number) => sessions.open({ workspaceId: 'w', caller, canWrite: true, ttlSeconds }, 1000)
  const long = open(5000)
  const short = open(60)
  for (let count = 0; count < 255; count += 1) open(100)
  expect(sessions.require(long.id, caller, 1000).id).toBe(long.id)
  expect(() => sessions.require(short.id, caller, 1000)).toThrow('No file session')
  expect(() => sessions.require(long.id, caller, 1000 + 5_000_000)).toThrow('No file session') // expired
})

describe('a read batch', () => {
  test('answers in the order asked, one item per path, failures among them', async () => {
    await using server = await startServer(AUTO)
    await mkdir(join(server.workspace, 'folder'))
    await writeFile(join(server.workspace, 'a'), 'A')
    await writeFile(join(server.workspace, 'empty'), '')
    await writeFile(join(server.workspace, 'large'), Buffer.alloc(5_000_001))
    await writeFile(join(server.workspace, 'largest'), Buffer.alloc(5_000_000))
    const { read } = await openSession(server)
    const items = await read('large', '/workspace/a', 'none', 'folder', 'empty', 'largest', 'a/below')
    expect(items).toMatchObject([
      { ok: false, path: 'large', code: 'file_too_large', maxBytes: 5_000_000, size: 5_000_001 },
      { ok: true, path: 'a', kind: 'file', bytes: 1, contentBase64: 'QQ==' },
      { ok: false, path: 'none', code: 'file_not_found' },
      { ok: false, path: 'folder', code: 'file_not_found' },
      { ok: true, path: 'empty', bytes: 0, contentBase64: '' },
      { ok: true, path: 'largest', bytes: 5_000_000 },
      { ok: false, path: 'a/below', code: 'file_not_found' },
    ])
  })

  test('has a limit for all its files together', async () => {
    await using server = await startServer(AUTO)
    await writeFile(join(server.workspace, 'large'), Buffer.alloc(5_000_000))
    await writeFile(join(server.workspace, 'small'), 'x')
    const { read } = await openSession(server)
    const items = await read(...Array.from({ length: 7 }, () => 'large'), 'small')
    expect(items.map(item => (item.ok ? 'ok' : item.code))).toEqual([
      ...Array.from({ length: 6 }, () => 'ok'),
      'batch_too_large',
      'ok',
    ])
  })

  test('of anything but 1 to 64 paths is refused', async () => {
    await using server = await startServer(AUTO)
    const { raw } = await openSession(server)
    for (const body of [{}, null, [], { paths: [] }, { paths: 'a' }, { paths: [1] }, { paths: Array(65).fill('a') }])
      expect(await refusal(await raw('read-batch', body))).toEqual([400, 'invalid_payload'])
  })
})

describe('a write batch', () => {
  test('writes what it can and answers in the order asked', async () => {
    await using server = await startServer(AUTO)
    await mkdir(join(server.workspace, 'folder'))
    const { write, read } = await openSession(server)
    const first = await write({ path: 'a', contentBase64: base64('one') })
    const [written] = first.items
    if (!written?.ok) throw new Error('not written')
    expect(written).toMatchObject({ path: 'a', bytes: 3, previousRevision: null })

    const { items, cursor } = await write(
      { path: 'a', contentBase64: base64('stale'), ifMatchRevision: 'other' },
      { path: 'a', contentBase64: base64('two'), ifMatchRevision: written.revision },
      { path: 'folder', contentBase64: base64('x') },
      { path: 'none', contentBase64: base64('x'), ifMatchRevision: 'r' },
      { path: 'big', contentBase64: Buffer.alloc(5_000_001).toString('base64') },
      { path: 'new/empty', contentBase64: '', createOnly: true },
      { path: 'a', contentBase64: base64('taken'), createOnly: true },
      { path: 'a', contentBase64: base64('forced'), ifMatchRevision: 'other', force: true },
    )
    expect(items).toMatchObject([
      { ok: false, code: 'conflict', path: 'a', expectedRevision: 'other', currentRevision: written.revision },
      { ok: true, path: 'a', previousRevision: written.revision },
      { ok: false, code: 'invalid_path', path: 'folder' },
      { ok: false, code: 'conflict', path: 'none', expectedRevision: 'r', currentRevision: null },
      { ok: false, code: 'file_too_large', path: 'big', maxBytes: 5_000_000, size: 5_000_001 },
      { ok: true, path: 'new/empty', bytes: 0 },
      { ok: false, code: 'conflict', path: 'a', expectedRevision: null },
      { ok: true, path: 'a', bytes: 6 },
    ])
    expect(cursor).toBe(first.cursor + 3)
    expect(textOf((await read('a'))[0])).toBe('forced')
  })

  test('of anything that is not a batch changes nothing', async () => {
    await using server = await startServer(AUTO)
    const { raw } = await openSession(server)
    const good = { path: 'good', contentBase64: base64('x') }
    const refused: [unknown, [number, string]][] = [
      [null, [400, 'invalid_payload']],
      [{ writes: [] }, [400, 'invalid_payload']],
      [{ writes: [good, null] }, [400, 'invalid_payload']],
      [{ writes: Array(65).fill(good) }, [400, 'invalid_payload']],
      [{ writes: [good, { path: 'a' }] }, [400, 'invalid_payload']],
      [{ writes: [good, { path: 'a', contentBase64: 'Y' }] }, [400, 'invalid_payload']],
      [{ writes: [good, { path: 'a', contentBase64: 'YQ' }] }, [400, 'invalid_payload']],
      [{ writes: [good, { path: 'a', contentBase64: 'YR==' }] }, [400, 'invalid_payload']],
      [{ writes: [good, { path: 'a', contentBase64: 'Y Q==' }] }, [400, 'invalid_payload']],
      [{ writes: [good, { path: 'a', contentBase64: '-_-_' }] }, [400, 'invalid_payload']],
      [
        { writes: [good, { path: 'a', contentBase64: '', createOnly: true, ifMatchRevision: 'r' }] },
        [400, 'invalid_payload'],
      ],
      [{ writes: [good, { path: '../a', contentBase64: '' }] }, [400, 'invalid_path']],
      [{ writes: [good, { path: '', contentBase64: '' }] }, [400, 'invalid_path']],
    ]
    for (const [body, expected] of refused)
      expect(await refusal(await raw('write-batch', body))).toEqual(expected as [number, unknown])
    expect(await readdir(server.workspace)).toEqual([])
  })

  test('of more than all its files may have together is refused, by the announced length when that says it', async () => {
    await using server = await startServer(AUTO)
    const { raw, path } = await openSession(server)
    const contentBase64 = Buffer.alloc(4_600_000).toString('base64')
    const writes = Array.from({ length: 7 }, (_, index) => ({ path: `f${index}`, contentBase64 }))
    expect(await refusal(await raw('write-batch', { writes }))).toEqual([413, 'batch_too_large'])
    const huge = await server.call(`${path}/write-batch`, {
      method: 'POST',
      headers: asClient,
      body: new Uint8Array(60_000_000),
    })
    expect(await refusal(huge)).toEqual([413, 'body_too_large'])
    expect(await readdir(server.workspace)).toEqual([])
  })

  test('from many clients with one revision has one winner', async () => {
    await using server = await startServer(AUTO)
    const { write } = await openSession(server)
    const [base] = (await write({ path: 'f', contentBase64: base64('base') })).items
    const ifMatchRevision = base?.ok ? base.revision : ''
    const sessions = await Promise.all(Array.from({ length: 16 }, () => openSession(server)))
    const answers = await Promise.all(
      sessions.map((session, index) =>
        session.write({ path: 'f', contentBase64: base64(`${index}`), ifMatchRevision }),
      ),
    )
    const winners = answers.flatMap(({ items: [item] }, index) => (item?.ok ? [index] : []))
    expect(winners).toHaveLength(1)
    expect(await readFile(join(server.workspace, 'f'), 'utf8')).toBe(`${winners[0]}`)
  })
})

describe('operations', () => {
  test('run in their order, each on its own', async () => {
    await using server = await startServer(AUTO)
    await writeFile(join(server.workspace, 'taken'), '')
    const { operate, write } = await openSession(server)
    await write({ path: 'a', contentBase64: base64('A') })
    const { items } = await operate(
      { type: 'mkdir', path: 'd/e' },
      { type: 'mkdir', path: 'd/e' },
      { type: 'rename', from: 'a', to: 'd/e/a' },
      { type: 'rename', from: 'd/e/a', to: 'taken' },
      { type: 'delete', path: 'd' },
      { type: 'delete', path: 'none' },
      { type: 'copy', from: 'a', to: 'b' },
      { type: 'rename', from: 'd/e/a', to: 'taken', overwrite: true },
      { type: 'delete', path: 'd/e' },
      { type: 'delete', path: 'd', recursive: true },
    )
    expect(items).toMatchObject([
      { ok: true, type: 'mkdir', path: 'd/e' },
      { ok: true, type: 'mkdir', path: 'd/e' },
      { ok: true, type: 'rename', from: 'a', to: 'd/e/a' },
      { ok: false, type: 'rename', from: 'd/e/a', to: 'taken', code: 'conflict' },
      { ok: false, type: 'delete', path: 'd', code: 'operation_failed' },
      { ok: false, type: 'delete', path: 'none', code: 'file_not_found' },
      { ok: false, type: 'copy', code: 'invalid_operation' },
      { ok: true, type: 'rename', from: 'd/e/a', to: 'taken' },
      { ok: true, type: 'delete', path: 'd/e' },
      { ok: true, type: 'delete', path: 'd' },
    ])
    expect(await readdir(server.workspace)).toEqual(['taken'])
    expect(await readFile(join(server.workspace, 'taken'), 'utf8')).toBe('A')
  })

  test('with one bad path or shape do not begin', async () => {
    await using server = await startServer(AUTO)
    const { raw } = await openSession(server)
    const good = { type: 'mkdir', path: 'good' }
    const refused: [unknown, string][] = [
      [null, 'invalid_json'],
      [{ type: 'mkdir' }, 'invalid_path'],
      [{ type: 'mkdir', path: 5 }, 'invalid_path'],
      [{ type: 'delete', path: ' ' }, 'invalid_path'],
      [{ type: 'delete', path: '..' }, 'invalid_path'],
      [{ type: 'delete', path: '/' }, 'invalid_path'],
      [{ type: 'rename', from: 'a' }, 'invalid_path'],
      [{ type: 'rename', from: 'a', to: '../b' }, 'invalid_path'],
    ]
    for (const [operation, code] of refused.slice(1))
      expect(await refusal(await raw('ops', { operations: [good, operation] }))).toEqual([400, code])
    for (const operations of [[good, null], [good, 'mkdir'], [], 'mkdir', [{}]])
      expect(await refusal(await raw('ops', { operations }))).toEqual([400, 'invalid_payload'])
    expect(await readdir(server.workspace)).toEqual([])
  })
})

test('no hostile path reads or writes outside, or makes the server fail', async () => {
  await using server = await startServer(AUTO)
  await writeFile(join(server.folder, 'secret'), 'secret')
  await symlink('../secret', join(server.workspace, 'file-link'))
  await symlink('..', join(server.workspace, 'folder-link'))
  await symlink('/', join(server.workspace, 'root-link'))
  const { raw } = await openSession(server)
  const outside = ['../secret', '..\\secret', '/../secret', 'a/../../secret', './../secret', '/workspace/../../secret']
  const through = ['folder-link/secret', 'root-link/etc/passwd', 'folder-link/project/../secret', 'folder-link//secret']
  const broken = ['', ' ', '/', '.', '..', 'a\0b', 'a/\0', 'a/./b', '\ud800', 'x'.repeat(300_000), '../'.repeat(2000)]
  for (const path of [...outside, ...through, ...broken]) {
    for (const [name, body] of Object.entries({
      'read-batch': { paths: [path] },
      'write-batch': { writes: [{ path, contentBase64: 'QQ==' }] },
      ops: { operations: [{ type: 'delete', path, recursive: true }] },
    }))
      expect(await refusal(await raw(name, body))).toEqual([400, 'invalid_path'])
    if (!path.isWellFormed() || path.length > 2000) continue // no URL holds it
    const stat = `/workspace/${server.workspaceId}/files/stat?path=${encodeURIComponent(path)}`
    expect(await refusal(await server.call(stat, { headers: asClient }))).toEqual([400, 'invalid_path'])
  }
  // Names like any other: nobody decodes them again.
  for (const path of [
    '%2e%2e%2fsecret',
    '%252e%252e%252fsecret',
    '..%2fsecret',
    '．．/secret',
    '~/secret',
    '$HOME/secret',
  ])
    expect((await raw('read-batch', { paths: [path] })).status).toBe(200)
  expect(await readFile(join(server.folder, 'secret'), 'utf8')).toBe('secret')
  const [item] = (await (await openSession(server)).write({ path: 'file-link', contentBase64: 'QQ==' })).items
  expect(item).toMatchObject({ ok: false, code: 'invalid_path' })
})

test('writes of one path in one batch follow each other, those of many are all made', async () => {
  await using server = await startServer(AUTO)
  const { write } = await openSession(server)
  const same = await write(
    ...Array.from({ length: 20 }, (_, n) => ({ path: n % 2 ? 'f' : './f', contentBase64: base64(`${n}`) })),
  )
  const revisions = same.items.map(item => (item.ok ? [item.previousRevision, item.revision] : []))
  for (const [index, [previous]] of revisions.entries()) expect(previous).toBe(revisions[index - 1]?.[1] ?? null)
  expect(await readFile(join(server.workspace, 'f'), 'utf8')).toBe('19')

  const many = await write(
    ...Array.from({ length: 64 }, (_, n) => ({ path: `d${n % 5}/f${n}`, contentBase64: base64(`${n}`) })),
  )
  expect(many.items.map(item => item.ok && item.path)).toEqual(Array.from({ length: 64 }, (_, n) => `d${n % 5}/f${n}`))
  expect(many.cursor).toBeGreaterThanOrEqual(same.cursor + 64)
})
