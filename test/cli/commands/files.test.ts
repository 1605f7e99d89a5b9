import { expect, test } from 'bun:test'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileSessionReply, operationsReply, readBatchReply, writeBatchReply } from '../../../src/api/files.ts'
import { CLIENT_TOKEN, startServer } from '../../server/start-server.ts'
import { hostEnv, runCommand, startCommand } from './run-command.ts'

/** `openwork files …` against a server of its own; the result is the one document on stdout. */
async function filesClient(approval: 'auto' | 'manual' = 'auto') {
  const server = await startServer({ flags: ['--approval', approval, '--approval-timeout', '120000'] })
  const env = {
    OPENWORK_SERVER_URL: server.url,
    OPENWORK_TOKEN: CLIENT_TOKEN,
    OPENWORK_DATA_DIR: `${server.folder}/data`,
  }
  const run = (...args: string[]) => runCommand(['files', ...args], env, server.folder)
  const json = async (...args: string[]) => {
    const { code, stdout } = await run(...args)
    return { code, document: JSON.parse(stdout) as unknown }
  }
  const { document } = await json('session', '--json')
  const { session } = fileSessionReply.parse(document)
  const start = (...args: string[]) => startCommand(['files', ...args], env, server.folder)
  return { server, run, start, json, session, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test('a session is opened for the active workspace or the one named, renewed and closed', async () => {
  await using files = await filesClient()
  expect(files.session).toMatchObject({ workspaceId: files.server.workspaceId, canWrite: true, ttlMs: 900_000 })
  for (const args of [
    ['create', files.server.workspaceId],
    ['create', '--workspace-id', files.server.workspaceId],
  ]) {
    const { document } = await files.json('session', ...args, '--no-write', '--ttl-seconds', '60')
    expect(fileSessionReply.parse(document).session).toMatchObject({ canWrite: false, ttlMs: 60_000 })
  }
  const renewed = await files.json('session', 'renew', files.session.id, '--ttl-seconds', '120')
  expect(fileSessionReply.parse(renewed.document).session.ttlMs).toBe(120_000)
  expect(await files.json('session', 'close', files.session.id)).toEqual({ code: 0, document: { ok: true } })
  const again = await files.run('session', 'delete', '--session-id', files.session.id, '--json')
  expect(again.code).toBe(1)
  expect(JSON.parse(again.stdout)).toMatchObject({ ok: false, code: 'file_session_not_found' })
})

test('files are written, read, moved, listed and deleted, with the server’s answer as it is', async () => {
  await using files = await filesClient()
  const { server, json, session } = files
  const contentOf = (path: string) => readFile(join(server.workspace, path), 'utf8')

  const written = await json('write', session.id, 'notes/a.md', '--content', '--x=a=b')
  expect(written.code).toBe(0)
  const [item] = writeBatchReply.parse(written.document).items
  expect(item).toMatchObject({ ok: true, path: 'notes/a.md', bytes: 7, previousRevision: null })
  expect(await contentOf('notes/a.md')).toBe('--x=a=b')
  await json('write', session.id, '--path', 'empty', '--content', '')
  expect(await contentOf('empty')).toBe('')
  await json('write', '--session-id', session.id, 'bytes', '--content-base64', 'aGk=')
  expect(await contentOf('bytes')).toBe('hi')
  await writeFile(join(server.folder, 'local.bin'), 'local')
  await json('write', session.id, 'from-file', '--file', 'local.bin')
  expect(await contentOf('from-file')).toBe('local')

  const read = await json('read', session.id, '--paths', 'bytes,empty')
  expect(readBatchReply.parse(read.document).items).toMatchObject([{ contentBase64: 'aGk=' }, { contentBase64: '' }])
  const catalog = await json('catalog', session.id, '--prefix', 'notes', '--no-include-dirs', '--limit', '1')
  expect(catalog.document).toMatchObject({ total: 1, items: [{ path: 'notes/a.md', kind: 'file' }] })

  const made = await json('mkdir', session.id, 'x/y', 'z')
  expect(operationsReply.parse(made.document).items).toHaveLength(2)
  await json('rename', session.id, 'bytes', 'x/y/moved')
  await json('rename', '--session-id', session.id, '--from', 'x/y/moved', '--to', 'empty', '--overwrite')
  expect(await contentOf('empty')).toBe('hi')
  await json('delete', session.id, '--paths', 'x,z', '--recursive')
  expect((await readdir(server.workspace)).sort()).toEqual(['empty', 'from-file', 'notes'])

  const events = await json('events', session.id, '--since', '0')
  const types = (events.document as { items: { type: string }[] }).items.map(({ type }) => type)
  for (const type of ['write', 'mkdir', 'rename', 'delete']) expect(types).toContain(type)
})

test('a change that waits for its approval says so', async () => {
  await using files = await filesClient('manual')
  const writing = files.start('write', files.session.id, 'a.md', '--content', 'hi')
  for (const endsAt = Date.now() + 30_000; !writing.stderr().includes('\n'); await Bun.sleep(20))
    if (Date.now() > endsAt) throw new Error('nothing was told')
  expect(writing.stderr()).toMatch(
    /^Waiting for the host to allow this, until [-\d: ]+ at most \(there: openwork approvals list\)…\n$/,
  )
  const approve = (...args: string[]) => runCommand(['approvals', ...args], hostEnv(files.server))
  const { items } = JSON.parse((await approve('list', '--json')).stdout)
  expect((await approve('reply', items[0].id, '--allow')).code).toBe(0)
  expect((await writing.ended).code).toBe(0)
})

test('an item that fails makes the command fail, its answer shown', async () => {
  await using files = await filesClient()
  const { json, session } = files
  const failed = async (...args: string[]): Promise<unknown> => {
    const { code, document } = await json(...args)
    expect(code).toBe(1)
    return (document as { items: { ok: boolean; code: string }[] }).items.find(({ ok }) => !ok)?.code
  }
  await json('write', session.id, 'a', '--content', 'A')
  expect(await failed('write', session.id, 'a', '--content', 'B', '--if-match', 'stale')).toBe('conflict')
  expect(await failed('write', session.id, 'a', '--content', 'B', '--create-only')).toBe('conflict')
  expect(await failed('read', session.id, 'a', 'none')).toBe('file_not_found')
  expect(await failed('delete', session.id, 'none')).toBe('file_not_found')
  expect(await failed('rename', session.id, 'none', 'b')).toBe('file_not_found')
  expect(await failed('mkdir', session.id, 'a')).toBe('conflict')
  expect((await json('write', session.id, 'a', '--content', 'C', '--if-match', 'stale', '--force')).code).toBe(0)
})

test.each([
  [['read'], 'missing_argument'],
  [['read', 's'], 'missing_argument'],
  [['write', 's'], 'missing_argument'],
  [['write', 's', 'a'], 'missing_flag'],
  [['write', 's', 'a', '--content', 'x', '--file', 'y'], 'flags_conflict'],
  [['write', 's', 'a', '--content', 'x', '--if-match', 'r', '--create-only'], 'flags_conflict'],
  [['write', 's', 'a', '--path', 'b', '--content', 'x'], 'unexpected_argument'],
  [['write', 's', 'a', '--file', '/no/such/file'], 'file_not_found'],
  [['rename', 's', 'a'], 'missing_argument'],
  [['rename', 's', 'a', 'b', '--from', 'c'], 'unexpected_argument'],
  [['catalog', 's', '--limit', '0'], 'invalid_value'],
])('files %p is refused before anybody is asked: %s', async (args, code) => {
  const env = { OPENWORK_URL: 'http://127.0.0.1:1', OPENWORK_TOKEN: 't' }
  const { stdout, code: exitCode } = await runCommand(['files', ...args, '--json'], env)
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, code })
  expect(exitCode).toBeGreaterThan(0)
})
