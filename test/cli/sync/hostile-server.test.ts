import { expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { RemoteFolder } from '../../../src/cli/sync/remote-folder.ts'
import { secret } from '../../../src/shared/secret.ts'
import { asClient, CLIENT_TOKEN, startServer, temporaryFolder } from '../../server/start-server.ts'
import { runCommand } from '../commands/run-command.ts'
import { readTree, writeTree } from './kit.ts'

const SESSION = { id: 's', workspaceId: 'w', createdAt: 1, expiresAt: 2, ttlMs: 1, canWrite: true }

type Page = { nextAfter?: string; paths: readonly string[] }

/** A server that lists what it likes, and has the same content for every path. `pageOf`: the page after a path. */
function startHostile(pageOf: (after: string | null) => Page) {
  const answer = async (request: Request): Promise<unknown> => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/workspaces') return { items: [], activeId: 'w' }
    if (pathname === '/capabilities') return { approvals: { mode: 'auto', timeoutMs: 1 } }
    if (pathname.endsWith('/sessions')) return { session: SESSION }
    if (pathname.endsWith('/snapshot')) {
      const { nextAfter, paths } = pageOf(searchParams.get('after'))
      return {
        truncated: nextAfter !== undefined,
        nextAfter,
        items: paths.map(path => ({ path, kind: 'file', size: 4, mtimeMs: 1, revision: 'r' })),
      }
    }
    if (!pathname.endsWith('/read-batch')) return { ok: true }
    const asked = (await request.json()) as { paths: string[] }
    return {
      items: asked.paths.map(path => ({
        ok: true,
        path,
        kind: 'file',
        bytes: 4,
        updatedAt: 1,
        revision: 'r',
        contentBase64: btoa('evil'),
      })),
    }
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async request => Response.json(await answer(request)),
  })
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) }
}

test('a hostile server writes nowhere but into plain files of the folder', async () => {
  await using folder = await temporaryFolder()
  const local = join(folder.path, 'outer', 'local')
  await writeTree(local, { 'a.md': 'mine' })
  await using server = startHostile(() => ({
    paths: [
      'a.md',
      'good.md',
      '../escaped',
      '../../escaped',
      '/etc/escaped',
      'x/../../escaped',
      'x\\..\\..\\escaped',
      '.git/hooks/post-checkout',
      'sub/.GIT/config',
      'node_modules/evil/index.js',
      'nul\0.md',
      '',
      '.',
      'x//y',
      ' blank.md',
      '__proto__',
    ],
  }))
  const { code, stdout } = await runCommand(['files', 'sync', local, '.', '--direction', 'down', '--json'], {
    OPENWORK_URL: server.url,
    OPENWORK_TOKEN: 'token',
    OPENWORK_DATA_DIR: join(folder.path, 'data'),
  })
  const result = JSON.parse(stdout)
  expect([code, result.created, result.conflicts.length]).toEqual([0, 2, 1])
  const names = Object.keys(await readTree(folder.path)).filter(path => !path.startsWith('data/'))
  const prefix = 'outer/local/'
  expect(names.filter(path => !path.startsWith(prefix))).toEqual([])
  expect(names.map(path => path.slice(prefix.length).replace(/conflict .*\)/, 'conflict)')).sort()).toEqual([
    '__proto__',
    'a (conflict).md',
    'a.md',
    'good.md',
  ])
})

test('a file session that the server has forgotten is opened anew', async () => {
  await using server = await startServer({ flags: ['--approval', 'auto'] })
  await mkdir(join(server.workspace, 'docs'))
  const connection = { baseUrl: server.url, token: secret(CLIENT_TOKEN) }
  const folder = await RemoteFolder.open(connection, { workspaceId: undefined, prefix: 'docs', write: true })
  const path = `/workspace/${server.workspaceId}/files/sessions`
  for (let n = 0; n < 256; n++) await server.post(path, asClient, { ttlSeconds: 86_400 })
  const bytes = new TextEncoder().encode('x')
  expect(await folder.write([{ path: 'a', bytes, expected: 'nothing' }])).toMatchObject([{ ok: true }])
  expect(await folder.write([{ path: 'a', bytes, expected: 'nothing' }])).toMatchObject([{ code: 'conflict' }])
  await folder.close()
  await folder.close() // closed already: no matter
  expect(await readTree(server.workspace)).toEqual({ 'docs/a': 'x' })
})

test('answers that do not fit the questions are not guessed about', async () => {
  await using server = startHostile(() => ({ paths: ['a.md'] }))
  const folder = await RemoteFolder.open(
    { baseUrl: server.url, token: 't' },
    { workspaceId: undefined, prefix: '', write: false },
  )
  await expect(folder.delete(['a.md'])).rejects.toMatchObject({ code: 'server_invalid_answer' })
})

test('a listing without end is given up', async () => {
  const many = Array.from({ length: 100_000 }, () => 'a')
  let page = 0
  for (const [message, pageOf] of [
    ['does not go on', after => ({ nextAfter: after === 'a' ? 'b' : 'a', paths: [] })],
    ['does not go on', () => ({ nextAfter: 'a', paths: [] })],
    // In the order of the bytes the second is the greater one.
    ['does not go on', after => ({ nextAfter: after === '\u{1f600}' ? '\uff5e' : '\u{1f600}', paths: [] })],
    ['has more than 1000000 entries', () => ({ nextAfter: String.fromCharCode(0x100 + ++page), paths: many })],
  ] satisfies [string, (after: string | null) => Page][]) {
    await using server = startHostile(pageOf)
    const folder = await RemoteFolder.open(
      { baseUrl: server.url, token: 't' },
      { workspaceId: undefined, prefix: '', write: false },
    )
    await expect(folder.list()).rejects.toMatchObject({
      code: 'server_invalid_answer',
      message: `The server's listing ${message}`,
    })
  }
})
