import { expect, test } from 'bun:test'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { auditList } from '../../src/api/audit.ts'
import { startChanging } from './changes.ts'
import { asClient } from './start-server.ts'

type Server = Awaited<ReturnType<typeof startChanging>>

const AUTO = { flags: ['--approval', 'auto'] }

async function entries(server: Server, search = '', headers: Record<string, string> = asClient) {
  return auditList.parse((await server.json(`/workspace/${server.workspaceId}/audit${search}`, { headers })).body).items
}

const fileOf = ({ folder, workspaceId }: Server): string => join(folder, 'data', 'audit', `${workspaceId}.jsonl`)

const updatedAt = async (server: Server): Promise<unknown> =>
  ((await server.json(`/workspace/${server.workspaceId}/config`, { headers: asClient })).body as { updatedAt: unknown })
    .updatedAt

/** An entry as earlier versions wrote them. */
const entry = (summary: string, timestamp: number): string =>
  JSON.stringify({
    id: summary,
    workspaceId: 'w',
    actor: { type: 'host' },
    action: 'a',
    target: 't',
    summary,
    timestamp,
  })

test('what is done is written down with who did it, newest first, for its owner’s eyes', async () => {
  await using server = await startChanging(AUTO)
  const before = Date.now()
  for (const name of ['a.txt', 'b.txt'])
    expect((await server.change(name, { ...asClient, 'x-openwork-client-id': 'phone' })).status).toBe(200)
  const items = await entries(server)
  expect(items.map(({ summary }) => summary)).toEqual(['Wrote b.txt', 'Wrote a.txt'])
  expect(items[0]).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    workspaceId: server.workspaceId,
    actor: { type: 'remote', clientId: 'phone', scope: 'collaborator', tokenHash: expect.any(String) },
    action: 'workspace.file.write',
    target: join(server.workspace, 'b.txt'),
    summary: 'Wrote b.txt',
    timestamp: expect.any(Number),
  })
  expect(items[0]?.timestamp).toBeGreaterThanOrEqual(before)
  expect((await stat(fileOf(server))).mode & 0o777).toBe(0o600)
  expect((await readdir(server.folder)).sort()).toEqual(['data', 'project'])
})

test('a limit is obeyed, up to 200; one that makes no sense is the usual 50', async () => {
  await using server = await startChanging()
  await mkdir(join(server.folder, 'data', 'audit'), { recursive: true })
  await writeFile(fileOf(server), Array.from({ length: 300 }, (_, n) => `${entry(`${n}`, n)}\n`).join(''))
  const countFor = async (search: string): Promise<number> => (await entries(server, search)).length
  expect(await countFor('?limit=3')).toBe(3)
  expect(await countFor('?limit=200')).toBe(200)
  expect(await countFor('?limit=201')).toBe(200)
  for (const search of ['', '?limit=', '?limit=0', '?limit=-1', '?limit=x', '?limit=1.5', '?limit=Infinity'])
    expect([search, await countFor(search)]).toEqual([search, 50])
  expect((await entries(server, '?limit=2')).map(({ summary }) => summary)).toEqual(['299', '298'])
})

test('lines that are no entries are passed over', async () => {
  await using server = await startChanging(AUTO)
  await mkdir(join(server.folder, 'data', 'audit'), { recursive: true })
  await writeFile(fileOf(server), ['null', '{}', '[', entry('good', 1), '', '{"id":1}', '{"torn'].join('\n'))
  expect((await entries(server)).map(({ summary }) => summary)).toEqual(['good'])
  await server.change('a.txt', asClient)
  expect((await entries(server)).map(({ summary }) => summary)).toEqual(['Wrote a.txt', 'good'])
})

test('the log of an earlier version counts until there is one of this', async () => {
  await using server = await startChanging(AUTO)
  const folder = join(server.workspace, '.opencode', 'openwork')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'audit.jsonl'), `${entry('earlier', 7)}\n`)
  expect((await entries(server)).map(({ summary }) => summary)).toEqual(['earlier'])
  expect(await updatedAt(server)).toBe(7)
  await server.change('a.txt', asClient)
  expect((await entries(server)).map(({ summary }) => summary)).toEqual(['Wrote a.txt'])
})

test('the config tells when something was last changed; what was refused changed nothing', async () => {
  await using server = await startChanging({ flags: ['--approval-timeout', '1'] })
  expect(await updatedAt(server)).toBe(null)
  expect((await server.change('a.txt', asClient)).status).toBe(403)
  expect(await updatedAt(server)).toBe(null)
  expect((await server.changeUnasked()).status).toBe(200)
  const [last] = await entries(server)
  expect(await updatedAt(server)).toBe(last?.timestamp ?? 0)
  await using again = await startChanging({ folder: server.folder })
  expect(await updatedAt(again)).toBe(last?.timestamp ?? 0)
})

test('viewers may read it, strangers not, and only of workspaces there are', async () => {
  await using server = await startChanging()
  expect(await entries(server, '', await server.tokenOf('viewer'))).toEqual([])
  expect(await server.json(`/workspace/${server.workspaceId}/audit`)).toMatchObject({ status: 401 })
  expect(await server.json('/workspace/ws_none/audit', { headers: asClient })).toMatchObject({
    status: 404,
    body: { code: 'workspace_not_found' },
  })
  const { workspaceId } = server
  expect((await server.json(`/w/${workspaceId}/workspace/${workspaceId}/audit`, { headers: asClient })).status).toBe(
    200,
  )
  expect((await server.json(`/w/${workspaceId}/workspace/other/audit`, { headers: asClient })).status).toBe(404)
})

test('a workspace outside the authorized roots keeps its log to itself', async () => {
  await using first = await startChanging()
  const { folder, workspace } = first
  const config = { workspaces: [{ id: 'outside', path: workspace }], authorizedRoots: [join(folder, 'elsewhere')] }
  await writeFile(join(folder, 'server.json'), JSON.stringify(config))
  await using server = await startChanging({ folder, workspacesOfFile: true })
  expect(await server.json('/workspace/outside/audit', { headers: asClient })).toMatchObject({
    status: 403,
    body: { code: 'workspace_unauthorized' },
  })
})

test('a workspace id becomes no path', async () => {
  await using first = await startChanging()
  const { folder, workspace } = first
  const config = { workspaces: [{ id: '../../evil', path: workspace }] }
  await writeFile(join(folder, 'server.json'), JSON.stringify(config))
  await using server = await startChanging({ ...AUTO, folder, workspacesOfFile: true })
  const path = `/workspace/${encodeURIComponent('../../evil')}`
  expect((await server.change('a.txt', asClient, { workspaceId: '../../evil' })).status).toBe(200)
  expect(await server.json(`${path}/audit`, { headers: asClient })).toMatchObject({
    body: { items: [{ summary: 'Wrote a.txt' }] },
  })
  expect(await readdir(join(folder, 'data', 'audit'))).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.jsonl$/)])
})

test('a change is made and answered when its entry cannot be written; the log says so', async () => {
  await using server = await startChanging(AUTO)
  await writeFile(join(server.folder, 'data'), 'in the way')
  expect((await server.change('a.txt', asClient)).status).toBe(200)
  expect(await server.exists('a.txt')).toBe(true)
  expect((await server.logged()).err).toContain(
    `Not in the audit log (ENOTDIR): workspace.file.write ${server.workspace}/a.txt`,
  )
})

test('a hundred changes at once are a hundred entries', async () => {
  await using server = await startChanging(AUTO)
  const names = Array.from({ length: 100 }, (_, n) => `${n}.txt`)
  await Promise.all(names.map(name => server.change(name, asClient)))
  const items = await entries(server, '?limit=200')
  expect(items.map(({ summary }) => summary).sort()).toEqual(names.map(name => `Wrote ${name}`).sort())
})
