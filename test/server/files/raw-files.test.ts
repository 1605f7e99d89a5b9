import { describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileStat, rawWriteReply } from '../../../src/api/files.ts'
import { parseByteRange } from '../../../src/server/files/byte-range.ts'
import { asClient, startServer } from '../start-server.ts'
import { base64, refusal, type Server } from './session-client.ts'

const AUTO = { flags: ['--approval', 'auto'] }

const urlOf = (server: Server, route: string, path?: string): string =>
  `/workspace/${server.workspaceId}/files/${route}${path === undefined ? '' : `?path=${encodeURIComponent(path)}`}`

const raw = (server: Server, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  server.call(urlOf(server, 'raw', path), { method, headers: { ...asClient, ...headers } })

test.each([
  ['bytes=0-3', 10, { first: 0, last: 3 }],
  ['bytes=4-', 10, { first: 4, last: 9 }],
  ['bytes=-3', 10, { first: 7, last: 9 }],
  ['bytes=-30', 10, { first: 0, last: 9 }],
  ['bytes=8-100', 10, { first: 8, last: 9 }],
  ['Bytes = 1 - 1', 10, { first: 1, last: 1 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-1', 0, 'unsatisfiable'],
  ['bytes=3-1', 10, undefined],
  ['bytes=0-1,3-4', 10, undefined],
  ['bytes=-', 10, undefined],
  ['lines=0-1', 10, undefined],
  [null, 10, undefined],
])('the range %p of a file of %d bytes is %p', (header, size, range) => {
  expect(parseByteRange(header, size)).toEqual(range as ReturnType<typeof parseByteRange>)
})

describe('stat', () => {
  test('tells a file, a folder and nothing apart, and follows links inside the workspace only', async () => {
    await using server = await startServer(AUTO)
    await mkdir(join(server.workspace, 'd'))
    await writeFile(join(server.workspace, 'd/a'), 'abc')
    await symlink('d/a', join(server.workspace, 'alias'))
    await symlink('.', join(server.workspace, 'self'))
    await symlink('..', join(server.workspace, 'out'))
    const ask = async (path: string) =>
      fileStat.parse((await server.json(urlOf(server, 'stat', path), { headers: asClient })).body)
    const file = await ask('d/a')
    expect(file).toMatchObject({ ok: true, path: 'd/a', exists: true, kind: 'file', size: 3 })
    expect(file.updatedAt).toBe(Math.floor((await stat(join(server.workspace, 'd/a'))).mtimeMs))
    expect(await ask('alias')).toMatchObject({ kind: 'file', revision: file.revision })
    for (const folder of ['d', 'self']) expect(await ask(folder)).toMatchObject({ kind: 'dir', size: 0 })
    for (const none of ['none', 'd/a/none', 'none/none'])
      expect(await ask(none)).toEqual({ ok: true, path: none, exists: false })
    for (const path of ['out', 'out/x', '../x'])
      expect(await refusal(await server.call(urlOf(server, 'stat', path), { headers: asClient }))).toEqual([
        400,
        'invalid_path',
      ])
    expect(await refusal(await server.call(urlOf(server, 'stat'), { headers: asClient }))).toEqual([
      400,
      'invalid_payload',
    ])
  })
})

describe('a raw read', () => {
  test('gives the bytes with their type, length and version', async () => {
    await using server = await startServer(AUTO)
    await writeFile(join(server.workspace, 'a.txt'), 'hello')
    const response = await raw(server, 'a.txt')
    expect(await response.text()).toBe('hello')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/plain;charset=utf-8',
      'content-length': '5',
      'content-disposition': 'inline; filename="a.txt"',
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
    })
    const etag = response.headers.get('etag') ?? ''
    const again = await raw(server, 'a.txt', { 'if-none-match': `"other", W/${etag}` })
    expect([again.status, await again.text()]).toEqual([304, ''])

    const head = await raw(server, 'a.txt', {}, 'HEAD')
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '5', ''])
  })

  test('gives a range of the version the client knows', async () => {
    await using server = await startServer(AUTO)
    await writeFile(join(server.workspace, 'a'), 'hello')
    const etag = (await raw(server, 'a')).headers.get('etag') ?? ''
    const part = await raw(server, 'a', { range: 'bytes=1-3', 'if-range': etag })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 1-3/5', 'ell'])
    const whole = await raw(server, 'a', { range: 'bytes=1-3', 'if-range': '"other"' })
    expect([whole.status, await whole.text()]).toEqual([200, 'hello'])
    const behind = await raw(server, 'a', { range: 'bytes=5-' })
    expect(behind.headers.get('content-range')).toBe('bytes */5')
    expect(await refusal(behind)).toEqual([416, 'range_not_satisfiable'])
    await writeFile(join(server.workspace, 'empty'), '')
    const empty = await raw(server, 'empty')
    expect([empty.status, empty.headers.get('content-length'), await empty.text()]).toEqual([200, '0', ''])
  })

  test('never shows a browser a page to run, and names files in any script', async () => {
    await using server = await startServer(AUTO)
    for (const name of ['a.html', 'b.svg', 'c.xhtml', 'd.xml', 'größe "1".txt'])
      await writeFile(join(server.workspace, name), '<script>alert(1)</script>')
    for (const name of ['a.html', 'b.svg', 'c.xhtml', 'd.xml']) {
      const { headers } = await raw(server, name)
      expect(headers.get('content-disposition')).toBe(`attachment; filename="${name}"`)
      expect([headers.get('x-content-type-options'), headers.get('content-security-policy')]).toEqual([
        'nosniff',
        'sandbox',
      ])
    }
    const { headers } = await raw(server, 'größe "1".txt')
    expect(headers.get('content-disposition')).toBe(
      `inline; filename="gr__e _1_.txt"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22.txt`,
    )
  })

  test('streams a large file, closes it when the client leaves, and breaks off when it gets shorter', async () => {
    await using server = await startServer(AUTO)
    const path = join(server.workspace, 'large')
    const content = Buffer.alloc(40_000_000, 'abcdefghijklmnop')
    await writeFile(path, content)
    const whole = await raw(server, 'large')
    expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true)
    const part = await raw(server, 'large', { range: 'bytes=7-20000006' })
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(7, 20_000_007))).toBe(true)

    const left = await raw(server, 'large')
    const reader = left.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    while ((await openCount(path)) > 0) await Bun.sleep(1)

    const cut = await raw(server, 'large')
    await writeFile(path, 'short')
    await expect(cut.arrayBuffer()).rejects.toThrow()
    expect(await openCount(path)).toBe(0)
  })

  test('of what is no file, or not inside, is refused', async () => {
    await using server = await startServer(AUTO)
    await writeFile(join(server.folder, 'secret'), 'secret')
    await symlink('../secret', join(server.workspace, 'link'))
    await mkdir(join(server.workspace, 'd'))
    for (const path of ['none', 'd', 'd/none'])
      expect(await refusal(await raw(server, path))).toEqual([404, 'file_not_found'])
    for (const path of ['link', '../secret', ''])
      expect(await refusal(await raw(server, path))).toEqual([400, 'invalid_path'])
    const unknown = await server.call('/workspace/ws_none/files/raw?path=a', { headers: asClient })
    expect(await refusal(unknown)).toEqual([404, 'workspace_not_found'])
  })
})

/** How many descriptors of this process, in which the server runs, are of a file. */
async function openCount(path: string): Promise<number> {
  if (process.platform !== 'linux') return 0
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map(fd => readlink(`/proc/self/fd/${fd}`).catch(() => 'closed meanwhile')),
  )
  return links.filter(link => link === path).length
}

describe('a raw write', () => {
  const write = (server: Server, body: object, headers: Record<string, string> = asClient) =>
    server.post(urlOf(server, 'raw'), headers, body)

  test('replaces the version that was edited and no other', async () => {
    await using server = await startServer(AUTO)
    const first = rawWriteReply.parse(await (await write(server, { path: 'd/a', dataBase64: base64('one') })).json())
    expect(first).toMatchObject({ ok: true, path: 'd/a', bytes: 3 })
    const second = await write(server, { path: 'd/a', dataBase64: base64('two'), baseUpdatedAt: first.updatedAt })
    const { updatedAt } = rawWriteReply.parse(await second.json())

    const stale = await write(server, { path: 'd/a', dataBase64: base64('three'), baseUpdatedAt: 1 })
    expect(stale.status).toBe(409)
    expect(await stale.json()).toMatchObject({
      code: 'conflict',
      details: { baseUpdatedAt: 1, currentUpdatedAt: updatedAt },
    })
    expect(await readFile(join(server.workspace, 'd/a'), 'utf8')).toBe('two')
    await write(server, { path: 'd/a', dataBase64: base64('forced'), baseUpdatedAt: 1, force: true })
    expect(await readFile(join(server.workspace, 'd/a'), 'utf8')).toBe('forced')
  })

  test('is refused for bad bytes, too many of them, a folder, a viewer', async () => {
    await using server = await startServer(AUTO)
    await mkdir(join(server.workspace, 'd'))
    expect(await refusal(await write(server, { path: 'a', dataBase64: 'x' }))).toEqual([400, 'invalid_payload'])
    expect(await refusal(await write(server, { path: 'd', dataBase64: '' }))).toEqual([400, 'invalid_path'])
    const large = Buffer.alloc(5_000_001).toString('base64')
    expect(await refusal(await write(server, { path: 'a', dataBase64: large }))).toEqual([413, 'file_too_large'])
    const huge = Buffer.alloc(8_000_000).toString('base64')
    expect(await refusal(await write(server, { path: 'a', dataBase64: huge }))).toEqual([413, 'body_too_large'])
    const viewer = await server.tokenOf('viewer')
    expect(await refusal(await write(server, { path: 'a', dataBase64: '' }, viewer))).toEqual([403, 'forbidden'])
    expect(await readdir(server.workspace)).toEqual(['d'])
  })
})
