import { expect, test } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { opencodeUrl } from '../../src/server/opencode-target.ts'
import { asClient, asHost } from './start-server.ts'
import { codeOf, rawGet, serverOf, startUpstream } from './upstream.ts'

test('a request reaches opencode with its credentials, not the caller’s', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const response = await server.call('/opencode/session/a%2Fb?x=1&y=%20', {
    method: 'POST',
    headers: {
      ...asClient,
      ...asHost,
      'x-openwork-client-id': 'phone',
      origin: server.url,
      cookie: 'a=1',
      te: 'trailers',
      connection: 'x-private',
      'x-private': 'of this hop',
      'x-kept': 'yes',
      'content-type': 'application/json',
    },
    body: '{"text":"hello"}',
  })
  expect(response.status).toBe(200)
  const [{ url, headers, body } = { url: '', headers: {}, body: '' }] = upstream.seen
  expect(url).toBe('/session/a%2Fb?x=1&y=%20')
  expect(body).toBe('{"text":"hello"}')
  expect(headers).toMatchObject({
    authorization: `Basic ${btoa('opencode:engine-password')}`,
    'x-opencode-directory': server.workspace,
    'x-kept': 'yes',
    'content-type': 'application/json',
    host: new URL(upstream.url).host,
  })
  for (const name of ['x-openwork-host-token', 'x-openwork-client-id', 'origin', 'cookie', 'te', 'x-private'])
    expect(headers).not.toHaveProperty(name)
})

test('the bare path and every mount lead to opencode', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(`${upstream.url}/base/path/`)
  const mounts = ['/opencode', `/w/${server.workspaceId}/opencode`, `/workspace/${server.workspaceId}/opencode`]
  for (const mount of mounts)
    for (const rest of ['', '/', '/session?limit=1'])
      expect((await server.call(`${mount}${rest}`, { headers: asClient })).status).toBe(200)
  const urls = ['/base/path/', '/base/path/', '/base/path/session?limit=1']
  expect(upstream.seen.map(({ url }) => url)).toEqual([...urls, ...urls, ...urls])
})

test('a path cannot leave the base URL or name another host', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(`${upstream.url}/base`)
  expect(await rawGet(server.url, '/opencode/../opencode/%2e%2e/secret')).toStartWith('HTTP/1.1 404')
  for (const path of ['//evil.example/x', '/..%2fsecret', '/@evil.example'])
    await rawGet(server.url, `/opencode${path}`)
  expect(upstream.seen.map(({ url }) => url)).toEqual([
    '/base//evil.example/x',
    '/base/..%2fsecret',
    '/base/@evil.example',
  ])
  // Bun has tidied the path before we see it; this is what holds when it no longer does.
  expect(() => opencodeUrl(`${upstream.url}/base`, '/%2e%2e/secret', '')).toThrow('out of the opencode base URL')
})

test('a mounted request works in its workspace, whatever folder it asks for', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const query = 'directory=/etc&location%5Bdirectory%5D=/etc&workspace=w1&location%5Bworkspace%5D=w1&keep=1'
  const headers = { ...asHost, 'x-opencode-directory': '/etc', 'x-opencode-workspace': 'w1' }
  await server.call(`/w/${server.workspaceId}/opencode/file?${query}`, { headers })
  const [seen] = upstream.seen
  const params = Object.fromEntries(new URL(seen?.url ?? '', upstream.url).searchParams)
  expect(params).toEqual({ directory: server.workspace, 'location[directory]': server.workspace, keep: '1' })
  expect(seen?.headers['x-opencode-directory']).toBe(server.workspace)
  expect(seen?.headers).not.toHaveProperty('x-opencode-workspace')
})

test('unmounted, clients choose among the published folders, an owner any', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const inside = `${server.workspace}/sub`
  mkdirSync(inside)
  expect(
    (await server.call('/opencode/file', { headers: { ...asClient, 'x-opencode-directory': inside } })).status,
  ).toBe(200)
  expect(upstream.seen[0]?.headers['x-opencode-directory']).toBe(inside)
  const foreign: [string, Record<string, string>][] = [
    ['/opencode/file', { 'x-opencode-directory': '/etc' }],
    ['/opencode/file', { 'x-opencode-directory': encodeURIComponent('/etc') }],
    ['/opencode/file', { 'x-opencode-directory': `${server.workspace}/../..` }],
    ['/opencode/file?directory=/etc', {}],
    ['/opencode/file?location%5Bdirectory%5D=%2Fetc', {}],
  ]
  for (const [path, headers] of foreign) {
    const response = await server.call(path, { headers: { ...asClient, ...headers } })
    expect([path, response.status, await codeOf(response)]).toEqual([path, 403, 'workspace_unauthorized'])
  }
  expect((await server.call('/opencode/file?directory=/etc', { headers: asHost })).status).toBe(200)

  const other = { 'x-opencode-workspace': 'w1' }
  await server.call('/opencode/file?workspace=w1&keep=1', { headers: { ...asClient, ...other } })
  expect(upstream.seen.at(-1)?.url).toBe('/file?keep=1')
  expect(upstream.seen.at(-1)?.headers).not.toHaveProperty('x-opencode-workspace')
  await server.call('/opencode/file?workspace=w1', { headers: { ...asHost, ...other } })
  expect(upstream.seen.at(-1)).toMatchObject({ url: '/file?workspace=w1', headers: other })
})

test('a folder is the one that opencode takes its name for: it decodes it twice', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const named = join(server.workspace, 'a%2Fb')
  for (const folder of [named, join(server.workspace, '..%2F..%2Fetc')]) mkdirSync(folder)
  const ask = (folder: string) =>
    server.call(`/opencode/file?directory=${encodeURIComponent(folder)}`, { headers: asClient })
  expect((await ask(join(server.workspace, '..%2F..%2Fetc'))).status).toBe(403)
  expect((await ask(named)).status).toBe(403)
  expect(upstream.seen).toEqual([])

  expect((await ask(encodeURIComponent(named))).status).toBe(200)
  const twice = encodeURIComponent(encodeURIComponent(named))
  expect(upstream.seen[0]?.url).toBe(`/file?directory=${twice}`)
})

test('a link in the workspace leads clients nowhere else, an owner where it points', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  symlinkSync('/etc', join(server.workspace, 'link'))
  writeFileSync(join(server.workspace, 'own.txt'), 'mine')
  const viewer = await server.tokenOf('viewer')
  const linked = encodeURIComponent(join(server.workspace, 'link'))
  for (const path of [
    `/opencode/file/content?directory=${linked}&path=passwd`,
    '/opencode/file/content?path=link/passwd',
    '/opencode/file/content?path=../../etc/passwd',
    '/opencode/api/fs/read/link/passwd',
    '/opencode/api/fs/read/link%2Fpasswd',
    `/opencode/find?path=link`,
  ]) {
    const answer = await server.call(path, { headers: viewer })
    expect([path, answer.status, await codeOf(answer)]).toEqual([path, 403, 'workspace_unauthorized'])
  }
  expect((await server.call('/opencode/file/content?path=own.txt', { headers: viewer })).status).toBe(200)
  expect((await server.call('/opencode/file/content?path=link/passwd', { headers: asHost })).status).toBe(200)
})

test('what stands behind a ";" deceives no check', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  for (const path of ['/opencode/permission/p/reply;a', '/opencode/question/q/reject;', '/opencode/config;x']) {
    const answer = await server.call(path, { method: 'POST', headers: asClient })
    expect([path, answer.status, await codeOf(answer)]).toEqual([path, 400, 'invalid_path'])
  }
  expect(upstream.seen).toEqual([])
})

test('a folder with letters beyond ASCII reaches opencode percent-encoded', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url, ['--opencode-directory', '/home/me/проект 100%'])
  await server.call('/opencode/session', { headers: asClient })
  expect(upstream.seen[0]?.headers['x-opencode-directory']).toBe(encodeURIComponent('/home/me/проект 100%'))
})

test('viewers read only, and only owners answer permission prompts and questions', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const [viewer, owner] = [await server.tokenOf('viewer'), await server.tokenOf('owner')]
  const status = async (method: string, path: string, headers: Record<string, string>): Promise<number> =>
    (await server.call(path, { method, headers })).status
  for (const method of ['GET', 'HEAD']) expect(await status(method, '/opencode/session', viewer)).toBe(200)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
    expect([method, await status(method, '/opencode/session', viewer)]).toEqual([method, 403])
  const replies = [
    '/opencode/permission/p1/reply',
    '/opencode/permission/p1/reply/',
    '/opencode/permission/p1/%72eply',
    '/opencode/%70ermission/p1/reply?x=1',
    '/opencode//permission//p1//reply//',
    '/opencode/permission/x/%2e%2e/p1/reply',
    '/opencode/permission%2Fp1%2Freply',
    '/opencode/session/s1/permissions/p1',
    '/opencode/session/s1/permissions/p%31/',
    '/opencode/question/q1/reply',
    '/opencode/question/q1/reject',
    '/opencode/api/session/s1/permission/p1/reply',
    '/opencode/api/session/s1/question/q1/reject',
    '/opencode/api/permission/saved/p1',
    `/w/${server.workspaceId}/opencode/permission/p1/reply`,
    `/workspace/${server.workspaceId}/opencode/question/q1/reject`,
  ]
  for (const path of replies) expect([path, await status('POST', path, asClient)]).toEqual([path, 403])
  const reached = upstream.seen.length
  for (const path of replies) expect([path, await status('POST', path, owner)]).toEqual([path, 200])
  expect(upstream.seen.length).toBe(reached + replies.length)
  expect(await status('POST', '/opencode/session/s1/message', asClient)).toBe(200)
})

test('viewers cannot read what opencode answers with API keys in it', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const viewer = await server.tokenOf('viewer')
  for (const path of [
    'config',
    'config/providers',
    'provider',
    'api/provider',
    'api/model',
    'global/config',
    '%63onfig/',
    '/Config',
  ]) {
    const response = await server.call(`/opencode/${path}`, { headers: viewer })
    expect([path, response.status, await codeOf(response)]).toEqual([path, 403, 'forbidden'])
    expect((await server.call(`/opencode/${path}`, { headers: asClient })).status).toBe(200)
  }
})

test('a read-only server forwards reads only, also for its owner', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url, ['--read-only'])
  expect((await server.call('/opencode/session', { headers: asHost })).status).toBe(200)
  const response = await server.post('/opencode/session', asHost, {})
  expect([response.status, await codeOf(response)]).toEqual([403, 'read_only'])
})

test('a caller without a token reaches nothing', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  expect((await server.call('/opencode/session')).status).toBe(401)
  expect(upstream.seen).toEqual([])
})
