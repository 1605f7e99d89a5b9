import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { workspaceList } from '../../src/api/workspaces.ts'
import { asClient, asHost, startServer, temporaryFolder } from './start-server.ts'
import { codeOf, startUpstream } from './upstream.ts'

/** A server whose own opencode has credentials, with remote workspaces beside the local one. */
async function serverWith(folder: string, local: string, remotes: readonly Record<string, unknown>[]) {
  const workspaces = [{ path: 'project' }, ...remotes.map(remote => ({ workspaceType: 'remote', ...remote }))]
  await writeFile(join(folder, 'server.json'), JSON.stringify({ workspaces }))
  return startServer({
    folder,
    workspacesOfFile: true,
    flags: ['--opencode-base-url', local, '--opencode-username', 'opencode'],
    env: { OPENWORK_OPENCODE_PASSWORD: 'engine-password' },
  })
}

test('a remote workspace is sent nothing of ours: neither opencode’s credentials, nor a caller’s, nor a token of this server', async () => {
  await using folder = await temporaryFolder()
  await using local = startUpstream()
  await using remote = startUpstream()
  await using server = await serverWith(folder.path, local.url, [
    { id: 'bare', baseUrl: remote.url, directory: '/theirs' },
    { id: 'own', baseUrl: `${remote.url}/own`, opencodeUsername: 'peer', opencodePassword: 'peer-password' },
  ])
  const headers = { ...asHost, ...asClient, cookie: 'session=1', 'x-openwork-client-id': 'phone' }
  const ask = (id: string) => server.call(`/w/${id}/opencode/session`, { headers })

  for (const id of ['bare', 'own', server.workspaceId]) expect((await ask(id)).status).toBe(200)
  expect((await server.post('/workspaces/bare/activate', asHost)).status).toBe(200)
  expect((await server.call('/opencode/session', { headers })).status).toBe(200)
  expect((await server.post('/workspace/bare/engine/reload', headers)).status).toBe(200)

  const basic = (user: string, password: string) => `Basic ${btoa(`${user}:${password}`)}`
  expect(remote.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ['/session', undefined],
    ['/own/session', basic('peer', 'peer-password')],
    ['/session', undefined],
    ['/instance/dispose?directory=%2Ftheirs', undefined],
  ])
  expect(local.seen.map(({ headers }) => headers.authorization)).toEqual([basic('opencode', 'engine-password')])
  const sent = JSON.stringify(remote.seen)
  for (const secret of ['client-token', 'host-token', 'engine-password', 'session=1', 'phone'])
    expect(sent).not.toContain(secret)
})

test('the path of a remote workspace is on its own machine: no file of this one is reached by it', async () => {
  await using folder = await temporaryFolder()
  await using local = startUpstream()
  await using remote = startUpstream()
  const outside = join(folder.path, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'opencode.json'), '{"model":"theirs"}')
  await using server = await serverWith(folder.path, local.url, [{ id: 'peer', baseUrl: remote.url, path: outside }])

  expect((await server.call('/w/peer/opencode/session', { headers: asClient })).status).toBe(200)
  expect(remote.seen[0]?.headers['x-opencode-directory']).toBe(outside)
  const config = await server.json('/workspace/peer/config', { headers: asHost })
  expect(config.body).toMatchObject({ opencode: {} })
  expect(config.body).not.toMatchObject({ opencode: { model: 'theirs' } })
  const session = await server.post('/workspace/peer/files/sessions', asHost, {})
  expect([session.status, await codeOf(session)]).toEqual([400, 'workspace_not_a_folder'])
})

test('a remote workspace without an address leads nowhere, not to the opencode of this machine', async () => {
  await using folder = await temporaryFolder()
  await using local = startUpstream()
  await using server = await serverWith(folder.path, local.url, [
    { id: 'peer', remoteType: 'openwork', openworkHostUrl: 'http://127.0.0.1:9', openworkToken: 'peer-token' },
  ])

  const answer = await server.call('/w/peer/opencode/session', { headers: asHost })

  expect([answer.status, await codeOf(answer)]).toEqual([400, 'opencode_unconfigured'])
  expect(local.seen).toEqual([])
  const { items } = workspaceList.parse((await server.json('/workspaces', { headers: asHost })).body)
  expect(items.find(({ id }) => id === 'peer')).not.toHaveProperty('opencode')
  expect(items.find(({ id }) => id === 'peer')).not.toHaveProperty('baseUrl')
})
