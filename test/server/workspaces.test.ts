import { expect, test } from 'bun:test'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { auditList } from '../../src/api/audit.ts'
import { reloadEventList } from '../../src/api/reload.ts'
import { deletedWorkspace, managedWorkspaces } from '../../src/api/workspaces.ts'
import { parseJsonc } from '../../src/shared/jsonc.ts'
import { asClient, asHost, startServer, temporaryFolder } from './start-server.ts'
import { codeOf } from './upstream.ts'

type Server = Awaited<ReturnType<typeof startServer>>

const create = (server: Server, body: unknown, headers: Record<string, string> = asHost): Promise<Response> =>
  server.post('/workspaces/local', headers, body)

const createdBy = async (response: Response) => {
  expect(response.status).toBe(201)
  return managedWorkspaces.parse(await response.json())
}

const nameIt = (server: Server, id: string, body: unknown, headers: Record<string, string> = asHost) =>
  server.call(`/workspaces/${id}/display-name`, { method: 'PATCH', headers, body: JSON.stringify(body) })

const remove = (server: Server, id: string, headers: Record<string, string> = asHost): Promise<Response> =>
  server.call(`/workspaces/${id}`, { method: 'DELETE', headers })

const actionsOf = async (server: Server, id: string) =>
  auditList
    .parse((await server.json(`/workspace/${id}/audit`, { headers: asClient })).body)
    .items.map(({ action, target }) => [action, target])

const settingsOf = async (server: Server) =>
  JSON.parse(await readFile(join(server.folder, 'server.json'), 'utf8')) as Record<string, unknown>

const OPENCODE = {
  flags: ['--opencode-base-url', 'http://127.0.0.1:1', '--opencode-username', 'opencode'],
  env: { OPENWORK_OPENCODE_PASSWORD: 'engine-password' },
}

test('a new workspace is made, published first, authorized, watched and written down', async () => {
  await using server = await startServer(OPENCODE)
  const path = join(server.folder, 'new', 'place')

  const { activeId, workspaces, persisted } = await createdBy(await create(server, { folderPath: path, name: 'Mine' }))

  expect(persisted).toBe(false)
  expect(workspaces.map(({ path }) => path)).toEqual([path, server.workspace])
  expect(workspaces[0]).toMatchObject({
    id: activeId,
    name: 'Mine',
    preset: 'starter',
    workspaceType: 'local',
    opencode: {
      baseUrl: 'http://127.0.0.1:1',
      directory: path,
      username: 'opencode',
      password: 'engine-password',
    },
  })
  const id = activeId ?? ''
  const status = (await server.json('/status', { headers: asClient })).body
  expect(status).toMatchObject({ activeWorkspaceId: id, authorizedRoots: [server.workspace, path] })
  expect(await actionsOf(server, id)).toEqual([['workspace.create', path]])
  const events = async () =>
    reloadEventList.parse((await server.json(`/workspace/${id}/events`, { headers: asClient })).body).items
  expect(await events()).toEqual([])
  await writeFile(join(path, 'AGENTS.md'), 'x')
  while ((await events()).length === 0) await Bun.sleep(10)
  expect(await events()).toMatchObject([{ workspaceId: id, reason: 'agents' }])
})

test('what a starter workspace begins with', async () => {
  await using server = await startServer()
  const path = join(server.folder, 'starter')
  await createdBy(await create(server, { folderPath: path, name: 'Other name' }))

  expect((await readdir(path, { recursive: true })).filter(name => /\.\w+$/.test(name)).sort()).toEqual(
    [
      '.opencode',
      '.opencode/agents/openwork.md',
      '.opencode/commands/get-started.md',
      '.opencode/commands/learn-files.md',
      '.opencode/commands/learn-plugins.md',
      '.opencode/commands/learn-skills.md',
      '.opencode/openwork.json',
      '.opencode/skills/get-started/SKILL.md',
      '.opencode/skills/workspace-guide/SKILL.md',
      'opencode.jsonc',
    ].sort(),
  )
  expect(await parseJsonc('opencode.jsonc', await readFile(join(path, 'opencode.jsonc'), 'utf8'))).toEqual({
    $schema: 'https://opencode.ai/config.json',
    default_agent: 'openwork',
    plugin: ['opencode-scheduler'],
    mcp: { 'control-chrome': { type: 'local', command: ['npx', '-y', 'chrome-devtools-mcp@latest'] } },
  })
  expect(JSON.parse(await readFile(join(path, '.opencode', 'openwork.json'), 'utf8'))).toEqual({
    version: 1,
    workspace: { name: 'starter', createdAt: expect.any(Number), preset: 'starter' },
    authorizedRoots: [path],
    blueprint: { emptyState: expect.any(Object), sessions: [] },
    reload: null,
  })
})

test('files that are there stay, and settings get only what they lack', async () => {
  await using server = await startServer()
  const path = join(server.folder, 'mine')
  const mine: Record<string, string> = {
    '.opencode/commands/learn-files.md': 'my own',
    '.opencode/openwork.json': '{"mine":true}',
    'opencode.json': '{\n  // mine\n  "default_agent": "build",\n  "plugin": ["opencode-scheduler@1.0.0"]\n}\n',
  }
  await mkdir(join(path, '.opencode', 'commands'), { recursive: true })
  for (const [name, text] of Object.entries(mine)) await writeFile(join(path, name), text)

  await createdBy(await create(server, { folderPath: path, preset: 'automation' }))

  for (const [name, text] of Object.entries(mine)) expect(await readFile(join(path, name), 'utf8')).toBe(text)
  expect(await readdir(path)).not.toContain('opencode.jsonc')
  expect(await readdir(join(path, '.opencode', 'skills'))).toEqual(['workspace-guide'])
  await createdBy(await create(server, { folderPath: path, preset: 'starter' }))
  const settings = await readFile(join(path, 'opencode.json'), 'utf8')
  expect(settings).toContain('// mine\n  "default_agent": "build",\n  "plugin": ["opencode-scheduler@1.0.0"]')
  expect(await parseJsonc('opencode.json', settings)).toMatchObject({
    plugin: ['opencode-scheduler@1.0.0'],
    mcp: { 'control-chrome': expect.any(Object) },
  })
})

test('naming, activating and forgetting a workspace', async () => {
  await using server = await startServer()
  const path = join(server.folder, 'second')
  const { activeId } = await createdBy(await create(server, { folderPath: path }))
  const id = activeId ?? ''

  const named = managedWorkspaces.parse(await (await nameIt(server, id, { displayName: '  Garden ' })).json())
  expect(named.workspaces[0]).toMatchObject({ id, name: 'Garden', displayName: 'Garden' })
  const blank = managedWorkspaces.parse(await (await nameIt(server, id, { displayName: ' ' })).json())
  expect(blank.workspaces[0]).toMatchObject({ id, name: 'Garden' })
  expect(blank.workspaces[0]).not.toHaveProperty('displayName')
  expect((await server.post(`/workspaces/${server.workspaceId}/activate`, asHost)).status).toBe(200)
  expect(await actionsOf(server, server.workspaceId)).toEqual([['workspace.activate', server.workspace]])
  expect(await actionsOf(server, id)).toEqual([
    ['workspace.rename', path],
    ['workspace.rename', path],
    ['workspace.create', path],
  ])

  const gone = deletedWorkspace.parse(await (await remove(server, id)).json())
  expect(gone).toMatchObject({ ok: true, deleted: true, persisted: false, activeId: server.workspaceId })
  expect(gone.items.map(({ id }) => id)).toEqual([server.workspaceId])
  expect(await readdir(path)).toContain('opencode.jsonc')
  expect((await server.json('/status', { headers: asClient })).body).toMatchObject({
    authorizedRoots: [server.workspace],
  })
  const config = await server.call(`/workspace/${id}/config`, { headers: asClient })
  expect([config.status, await codeOf(config)]).toEqual([404, 'workspace_not_found'])
})

test('a settings file keeps what is managed, its other keys, and its secrets to its owner', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'server.json')
  const before = { theirs: { keep: 1 }, port: 4000, workspaces: [{ path: 'project' }], corsOrigins: ['http://a'] }
  await writeFile(file, JSON.stringify(before))
  await chmod(file, 0o644)
  const path = join(folder.path, 'second')
  {
    await using server = await startServer({ folder: folder.path, workspacesOfFile: true, ...OPENCODE })
    const { persisted, activeId } = await createdBy(await create(server, { folderPath: path, name: 'Second' }))
    expect(persisted).toBe(true)
    expect(await settingsOf(server)).toMatchObject({
      theirs: { keep: 1 },
      port: 4000,
      corsOrigins: ['http://a'],
      workspaces: [
        { id: activeId, path, name: 'Second', opencodeUsername: 'opencode', opencodePassword: 'engine-password' },
        { path: server.workspace },
      ],
      authorizedRoots: [server.workspace, path],
    })
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600')
    await Promise.all(['A', 'B', 'C'].map(name => nameIt(server, activeId ?? '', { displayName: name })))
  }
  await using again = await startServer({ folder: folder.path, workspacesOfFile: true })
  expect(again.settings.workspaces.map(({ path }) => path)).toEqual([path, again.workspace])
  expect(['A', 'B', 'C']).toContain(again.settings.workspaces[0]?.displayName ?? '')
  expect((await remove(again, again.settings.workspaces[0]?.id ?? '')).status).toBe(200)
  expect(await settingsOf(again)).toMatchObject({
    workspaces: [{ path: again.workspace }],
    authorizedRoots: [again.workspace],
  })
})

test('what cannot be kept or made is not begun', async () => {
  await using server = await startServer()
  const refusal = async (body: unknown, headers?: Record<string, string>) => {
    const response = await create(server, body, headers)
    return [response.status, await codeOf(response)]
  }
  for (const body of [
    {},
    { folderPath: '' },
    { folderPath: 'relative' },
    { folderPath: '/a\0b' },
    { folderPath: 7 },
    null,
  ])
    expect(await refusal(body)).toEqual([400, 'invalid_payload'])
  expect(await refusal({ folderPath: '/x' }, asClient)).toEqual([401, 'unauthorized'])
  await writeFile(join(server.folder, 'file'), '')
  expect(await refusal({ folderPath: join(server.folder, 'file', 'x') })).toEqual([400, 'workspace_not_a_folder'])
  expect(await refusal({ folderPath: join(server.folder, 'n'.repeat(300)) })).toEqual([400, 'invalid_path'])
  await mkdir(join(server.folder, 'broken'))
  await writeFile(join(server.folder, 'broken', 'opencode.json'), '{')
  expect(await refusal({ folderPath: join(server.folder, 'broken') })).toEqual([422, 'invalid_jsonc'])
  expect(await readdir(join(server.folder, 'broken'))).toEqual(['opencode.json'])
  await writeFile(join(server.folder, 'server.json'), '{ not json')
  expect(await refusal({ folderPath: join(server.folder, 'never') })).toEqual([422, 'invalid_config'])
  expect(await readdir(server.folder)).not.toContain('never')
  expect((await server.json('/workspaces', { headers: asClient })).body).toMatchObject({ activeId: server.workspaceId })
  for (const response of [await nameIt(server, 'ws_unknown', {}), await remove(server, 'ws_unknown')])
    expect([response.status, await codeOf(response)]).toEqual([404, 'workspace_not_found'])
  await using readOnly = await startServer({ flags: ['--read-only'] })
  for (const response of [
    await create(readOnly, { folderPath: '/x' }),
    await nameIt(readOnly, readOnly.workspaceId, {}),
    await remove(readOnly, readOnly.workspaceId),
  ])
    expect([response.status, await codeOf(response)]).toEqual([403, 'read_only'])
})

test('a settings file that cannot be changed leaves everything as it was', async () => {
  await using folder = await temporaryFolder()
  // With room for its own name, and none for that of the lock beside it.
  const file = join(folder.path, 'c'.repeat(252))
  await writeFile(file, '{}')
  await using server = await startServer({ folder: folder.path, env: { OPENWORK_SERVER_CONFIG: file } })
  const response = await create(server, { folderPath: join(folder.path, 'second') })
  expect([response.status, await codeOf(response)]).toEqual([500, 'config_file_unusable'])
  expect(await readFile(file, 'utf8')).toBe('{}')
  const { body } = await server.json('/workspaces', { headers: asClient })
  expect(body).toMatchObject({ items: [{ id: server.workspaceId }] })
})

test.if(process.platform === 'linux')('a place where nothing may be made is no workspace', async () => {
  await using server = await startServer()
  for (const folderPath of ['/sys/openwork-test', '/proc/openwork-test']) {
    const response = await create(server, { folderPath })
    expect([response.status, await codeOf(response)]).toEqual([403, 'workspace_unusable'])
  }
})

test('a workspace is authorized by where it really is', async () => {
  await using folder = await temporaryFolder()
  const [roots, outside] = [join(folder.path, 'roots'), join(folder.path, 'outside')]
  await mkdir(join(roots, 'inside', 'new'), { recursive: true })
  await mkdir(outside)
  await symlink(roots, join(folder.path, 'link'))
  await symlink(outside, join(roots, 'escape'))
  const workspaces = ['link/inside', 'roots/escape', 'roots/inside/new', 'rootsy'].map(path => ({ id: path, path }))
  await writeFile(join(folder.path, 'server.json'), JSON.stringify({ authorizedRoots: ['roots'], workspaces }))
  await using server = await startServer({ folder: folder.path, workspacesOfFile: true })
  const answerOf = async (id: string) => {
    const response = await server.call(`/workspace/${encodeURIComponent(id)}/config`, { headers: asClient })
    return [response.status, response.ok || (await codeOf(response))]
  }
  expect(await answerOf('link/inside')).toEqual([200, true])
  expect(await answerOf('roots/inside/new')).toEqual([200, true])
  for (const id of ['roots/escape', 'rootsy']) expect(await answerOf(id)).toEqual([403, 'workspace_unauthorized'])

  // A folder that becomes a link out of the roots while the server runs is refused at once.
  await rename(join(roots, 'inside'), join(roots, 'moved'))
  await symlink(outside, join(roots, 'inside'))
  expect(await answerOf('link/inside')).toEqual([403, 'workspace_unauthorized'])
  expect((await remove(server, 'rootsy')).status).toBe(200)
  await rm(join(roots, 'inside'))
})

test('a workspace whose folder becomes a link leads nowhere else, although it is a root itself', async () => {
  await using server = await startServer()
  const outside = join(server.folder, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'secret.txt'), 'secret')
  const session = `/workspace/${server.workspaceId}/files/sessions`
  const opened = (await (await server.post(session, asClient, {})).json()) as { session: { id: string } }

  await rename(server.workspace, `${server.workspace}-before`)
  await symlink(outside, server.workspace)

  const read = `/files/sessions/${opened.session.id}/read-batch`
  for (const answer of [
    await server.post(read, asClient, { paths: ['secret.txt'] }),
    await server.post(session, asClient, {}),
    await server.call(`/workspace/${server.workspaceId}/config`, { headers: asClient }),
    await server.call('/opencode/session', { headers: asClient }),
  ])
    expect([answer.status, await codeOf(answer)]).toEqual([403, 'workspace_unauthorized'])
})
