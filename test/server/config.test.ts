import { expect, test } from 'bun:test'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { approvalList } from '../../src/api/approvals.ts'
import { auditList } from '../../src/api/audit.ts'
import { configPatched, workspaceConfig } from '../../src/api/config.ts'
import { reloadEventList } from '../../src/api/reload.ts'
import { asClient, asHost, startServer } from './start-server.ts'
import { codeOf } from './upstream.ts'

type Server = Awaited<ReturnType<typeof startServer>>

const openServer = () => startServer({ flags: ['--approval', 'auto'] })

const patch = (server: Server, body: unknown, headers: Record<string, string> = asClient): Promise<Response> =>
  server.call(`/workspace/${server.workspaceId}/config`, { method: 'PATCH', headers, body: JSON.stringify(body) })

const configOf = async (server: Server) =>
  workspaceConfig.parse((await server.json(`/workspace/${server.workspaceId}/config`, { headers: asClient })).body)

const auditOf = async (server: Server) =>
  auditList.parse((await server.json(`/workspace/${server.workspaceId}/audit`, { headers: asClient })).body).items

/** The reload events once one of them is there; asks again until then. */
async function reloadEventsOf(server: Server) {
  for (;;) {
    const { body } = await server.json(`/workspace/${server.workspaceId}/events`, { headers: asClient })
    const { items } = reloadEventList.parse(body)
    if (items.length > 0) return items
    await Bun.sleep(10)
  }
}

async function firstWaiting(server: Server) {
  for (;;) {
    const [item] = approvalList.parse((await server.json('/approvals', { headers: asHost })).body).items
    if (item) return item
    await Bun.sleep(5)
  }
}

test('a patch replaces keys, takes out null ones, keeps comments, and is told and written down', async () => {
  await using server = await openServer()
  const file = join(server.workspace, 'opencode.jsonc')
  await writeFile(file, '{\n  // mine\n  "model": "a/b", // good\n  "theme": "dark",\n  "share": "manual"\n}\n')

  const response = await patch(server, { opencode: { model: 'c/d', theme: null, absent: null, agent: { x: {} } } })

  const { updatedAt } = configPatched.parse(await response.json())
  expect(await readFile(file, 'utf8')).toBe(
    '{\n  // mine\n  "model": "c/d", // good\n  "share": "manual",\n  "agent": {\n    "x": {}\n  }\n}\n',
  )
  expect(await configOf(server)).toEqual({
    opencode: { model: 'c/d', share: 'manual', agent: { x: {} } },
    openwork: {},
    updatedAt,
  })
  expect(await auditOf(server)).toMatchObject([
    { action: 'config.patch', target: file, summary: 'Changed model, theme, agent in opencode.jsonc' },
  ])
  expect(await reloadEventsOf(server)).toMatchObject([
    { reason: 'config', trigger: { type: 'config', name: 'opencode.jsonc', action: 'updated', path: file } },
  ])
})

test('the file that is there is patched; without one, opencode.jsonc is made', async () => {
  await using server = await openServer()
  await patch(server, { opencode: { model: 'a/b' } })
  expect(await readFile(join(server.workspace, 'opencode.jsonc'), 'utf8')).toBe(
    '{\n  "$schema": "https://opencode.ai/config.json",\n  "model": "a/b"\n}\n',
  )
  for (const name of ['opencode.json', '.opencode/opencode.jsonc']) {
    await using other = await openServer()
    await mkdir(join(other.workspace, '.opencode'))
    await writeFile(join(other.workspace, name), '{"theme":"dark"}')
    await patch(other, { opencode: { model: 'a/b' } })
    expect(JSON.parse(await readFile(join(other.workspace, name), 'utf8'))).toEqual({ theme: 'dark', model: 'a/b' })
    expect((await readdir(other.workspace)).sort()).toEqual(['.opencode', ...(name.startsWith('.') ? [] : [name])])
  }
})

test('of permissions only the other folders can be changed', async () => {
  await using server = await openServer()
  const file = join(server.workspace, 'opencode.json')
  const after = async (before: unknown, permission: unknown): Promise<unknown> => {
    await writeFile(file, JSON.stringify(before))
    expect((await patch(server, { opencode: { permission } })).status).toBe(200)
    return JSON.parse(await readFile(file, 'utf8'))
  }
  const ask = { permission: { edit: 'ask' } }
  const allowed = { permission: { edit: 'ask', external_directory: 'allow' } }
  expect(await after(ask, { edit: 'allow', bash: 'allow', external_directory: 'allow' })).toEqual(allowed)
  expect(await after(allowed, { external_directory: null })).toEqual(ask)
  for (const nothing of [{ edit: 'allow' }, null, 'allow', []]) expect(await after(ask, nothing)).toEqual(ask)
  expect(await after({}, { external_directory: { '/tmp/*': 'allow' } })).toEqual({
    permission: { external_directory: { '/tmp/*': 'allow' } },
  })
  expect(await after({ permission: 'ask' }, { external_directory: 'allow' })).toEqual({
    permission: { '*': 'ask', external_directory: 'allow' },
  })
})

test('openwork settings are merged at their top level, and null is a value there', async () => {
  await using server = await openServer()
  await patch(server, { openwork: { version: 1, workspace: { name: 'a', preset: 'starter' }, reload: null } })
  await patch(server, { openwork: { workspace: { name: 'b' } } })
  expect((await configOf(server)).openwork).toEqual({ version: 1, workspace: { name: 'b' }, reload: null })
  const { body } = await server.json(`/workspace/${server.workspaceId}/events`, { headers: asClient })
  expect(reloadEventList.parse(body).items).toEqual([])
})

test('parallel patches all take effect', async () => {
  await using server = await openServer()
  await writeFile(join(server.workspace, 'opencode.json'), '{}')
  const keys = Array.from({ length: 20 }, (_, index) => `key${index}`)
  const statuses = await Promise.all(keys.map(async key => (await patch(server, { opencode: { [key]: key } })).status))
  expect(new Set(statuses)).toEqual(new Set([200]))
  expect((await configOf(server)).opencode).toEqual(Object.fromEntries(keys.map(key => [key, key])))
})

test('the host is asked for what would change, and nobody for what would not', async () => {
  await using server = await startServer()
  const file = join(server.workspace, 'opencode.json')
  await writeFile(file, '{"model":"a/b"}')
  const same = await patch(server, { opencode: { model: 'a/b', absent: null } })
  expect([same.status, configPatched.parse(await same.json()).updatedAt]).toEqual([200, expect.any(Number)])

  const denied = patch(server, { opencode: { model: 'c/d', theme: 'dark' } })
  const request = await firstWaiting(server)
  expect(request).toMatchObject({
    action: 'config.patch',
    summary: 'Change model, theme in opencode.json',
    paths: [file],
  })
  await server.post(`/approvals/${request.id}`, asHost, { reply: 'deny' })
  const answer = await denied
  expect([answer.status, await codeOf(answer)]).toEqual([403, 'write_denied'])
  expect(await readFile(file, 'utf8')).toBe('{"model":"a/b"}')

  const allowed = patch(server, { opencode: { model: 'c/d' } })
  const second = await firstWaiting(server)
  // What somebody writes while the host thinks is kept.
  await writeFile(file, '{"model":"a/b","theme":"light"}')
  await server.post(`/approvals/${second.id}`, asHost, { reply: 'allow' })
  expect((await allowed).status).toBe(200)
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ model: 'c/d', theme: 'light' })
})

test('what cannot be done is refused before anybody is asked', async () => {
  await using server = await startServer()
  const refusal = async (body: unknown, headers?: Record<string, string>) => {
    const response = await patch(server, body, headers)
    return [response.status, await codeOf(response)]
  }
  const deep = JSON.parse('['.repeat(40) + ']'.repeat(40))
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`key${index}`, 1]))
  for (const body of [
    {},
    { opencode: null },
    { opencode: [] },
    { openwork: 'x' },
    { opencode: { deep } },
    { openwork: many },
    null,
    [],
  ])
    expect(await refusal(body)).toEqual([400, 'invalid_payload'])
  expect(await refusal({ opencode: { a: 1 } }, await server.tokenOf('viewer'))).toEqual([403, 'forbidden'])
  await writeFile(join(server.workspace, 'opencode.json'), '{"a": }')
  const broken = await patch(server, { opencode: { a: 1 } })
  expect([broken.status, await broken.json()]).toEqual([
    422,
    {
      code: 'invalid_jsonc',
      message: 'opencode.json:1:7: not JSON: a value is missing',
      details: [{ code: 'ValueExpected', offset: 6, length: 1 }],
    },
  ])
  await mkdir(join(server.workspace, '.opencode'))
  await writeFile(join(server.workspace, '.opencode', 'openwork.json'), Buffer.from([0x7b, 0xff, 0x7d]))
  expect(await refusal({ openwork: { a: 1 } })).toEqual([422, 'invalid_jsonc'])
  await using readOnly = await startServer({ flags: ['--read-only'] })
  const response = await patch(readOnly, { opencode: { a: 1 } })
  expect([response.status, await codeOf(response)]).toEqual([403, 'read_only'])
})

test('settings that are links out of the workspace are neither shown nor written', async () => {
  await using server = await openServer()
  const outside = join(server.folder, 'outside.json')
  await writeFile(outside, '{"secret":1}')
  await symlink(outside, join(server.workspace, 'opencode.json'))
  const read = await server.json(`/workspace/${server.workspaceId}/config`, { headers: asClient })
  expect(read).toMatchObject({ status: 400, body: { code: 'invalid_path' } })
  const response = await patch(server, { opencode: { a: 1 } })
  expect([response.status, await codeOf(response)]).toEqual([400, 'invalid_path'])
  expect(await readFile(outside, 'utf8')).toBe('{"secret":1}')
})

test('a key __proto__ is refused instead of passed over', async () => {
  await using server = await openServer()
  for (const body of [
    '{"opencode":{"__proto__":{"a":1},"model":"a/b"}}',
    '{"openwork":{"__proto__":1}}',
    '{"opencode":{"agent":{"x":[{"__proto__":null}]}}}',
  ]) {
    const path = `/workspace/${server.workspaceId}/config`
    const response = await server.call(path, { method: 'PATCH', headers: asClient, body })
    expect([response.status, await codeOf(response)]).toEqual([400, 'invalid_payload'])
  }
  expect(await readdir(server.workspace)).toEqual([])
  expect(await configOf(server)).toMatchObject({ opencode: {}, openwork: {} })
})
