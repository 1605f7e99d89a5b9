import { describe, expect, test } from 'bun:test'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asClient, asHost, startServer, temporaryFolder } from '../start-server.ts'
import { openSession, refusal, type Server } from './session-client.ts'

type Request = { method: 'GET' | 'POST' | 'DELETE'; path: string; body?: object }

const WRITES = { writes: [{ path: 'a', contentBase64: '' }] }
const OPERATIONS = { operations: [{ type: 'mkdir', path: 'd' }] }
const RAW = { path: 'a', dataBase64: '' }

/** A good request of every route of a workspace's files. */
const workspaceRequests = (id: string): Request[] => [
  { method: 'POST', path: `/workspace/${id}/files/sessions`, body: {} },
  { method: 'GET', path: `/workspace/${id}/files/stat?path=a` },
  { method: 'GET', path: `/workspace/${id}/files/raw?path=a` },
  { method: 'POST', path: `/workspace/${id}/files/raw`, body: RAW },
]

/** The same of a session's; closing it comes last. */
const sessionRequests = (session: string): Request[] => [
  { method: 'POST', path: `/files/sessions/${session}/renew`, body: {} },
  { method: 'POST', path: `/files/sessions/${session}/read-batch`, body: { paths: ['a'] } },
  { method: 'POST', path: `/files/sessions/${session}/write-batch`, body: WRITES },
  { method: 'POST', path: `/files/sessions/${session}/ops`, body: OPERATIONS },
  { method: 'DELETE', path: `/files/sessions/${session}` },
]

const ask = (server: Server, { method, path, body }: Request, headers: Record<string, string> = asClient) =>
  server.call(path, { method, headers, ...(body && { body: JSON.stringify(body) }) })

const mounted = (id: string, requests: Request[]): Request[] =>
  requests.map(request => ({ ...request, path: `/w/${id}${request.path}` }))

const withMounts = (id: string, requests: Request[]): Request[] => [...requests, ...mounted(id, requests)]

const AUTO = { flags: ['--approval', 'auto'] }

describe('every file route', () => {
  test('answers a good request, under the mount too', async () => {
    await using server = await startServer(AUTO)
    await writeFile(join(server.workspace, 'a'), 'A')
    const { session } = await openSession(server)
    const all = [...workspaceRequests(server.workspaceId), ...sessionRequests(session.id).slice(0, -1)]
    for (const request of withMounts(server.workspaceId, all)) expect((await ask(server, request)).status).toBe(200)
    for (const close of [(path: string) => path, (path: string) => `/w/${server.workspaceId}${path}`]) {
      const { path } = await openSession(server)
      expect((await ask(server, { method: 'DELETE', path: close(path) })).status).toBe(200)
    }
  })

  test('refuses strangers, foreign names and pages, bad escapes and bad bodies', async () => {
    await using server = await startServer(AUTO)
    const { session } = await openSession(server)
    const all = [...workspaceRequests(server.workspaceId), ...sessionRequests(session.id)]
    for (const request of withMounts(server.workspaceId, all)) {
      const { method, path, body } = request
      const refused = async (change: Partial<Request>, headers: Record<string, string>) =>
        (await refusal(await ask(server, { ...request, ...change }, headers)))[1]
      expect(await refused({}, {})).toBe('unauthorized')
      expect(await refused({}, { ...asClient, host: 'evil.example' })).toBe('host_not_allowed')
      expect(await refused({ path: path.replace('/files/', '/files/%zz') }, asClient)).toBe('invalid_path')
      if (method === 'GET') continue
      expect(await refused({}, { ...asClient, origin: 'http://evil.example' })).toBe('origin_not_allowed')
      if (!body) continue
      const send = (text: string) => server.call(path, { method, headers: asClient, body: text })
      expect((await refusal(await send('{')))[1]).toBe('invalid_json')
      expect((await refusal(await send('[]')))[1]).toBe('invalid_payload')
    }
  })

  test('says when an announced body is too large', async () => {
    await using server = await startServer(AUTO)
    const { session } = await openSession(server)
    const all = [...workspaceRequests(server.workspaceId), ...sessionRequests(session.id)]
    const huge = new Uint8Array(45_000_000)
    for (const { method, path, body } of withMounts(server.workspaceId, all).filter(request => request.body)) {
      const answer = await server.call(path, { method, headers: asClient, body: body && huge })
      expect(await refusal(answer)).toEqual([413, 'body_too_large'])
    }
  })

  test('lets an address wait that keeps guessing', async () => {
    await using server = await startServer(AUTO)
    const { session } = await openSession(server)
    const all = [...workspaceRequests(server.workspaceId), ...sessionRequests(session.id)]
    const wrong = { authorization: 'Bearer wrong' }
    while ((await server.call('/whoami', { headers: wrong })).status === 401);
    for (const request of withMounts(server.workspaceId, all))
      expect(await refusal(await ask(server, request, wrong))).toEqual([429, 'too_many_attempts'])
  })

  test('knows its workspace, or says what is wrong with it', async () => {
    await using folder = await temporaryFolder()
    await using elsewhere = await temporaryFolder()
    await writeFile(join(folder.path, 'server.json'), JSON.stringify({ authorizedRoots: [folder.path] }))
    await using server = await startServer({ ...AUTO, folder: folder.path })
    const { session } = await openSession(server)
    const ofSession = sessionRequests(session.id).slice(0, -1)
    const all = [...workspaceRequests(server.workspaceId), ...ofSession]
    const codes = async (requests: Request[]) => {
      const seen = new Set<unknown>()
      for (const request of requests) seen.add((await refusal(await ask(server, request)))[1])
      return [...seen]
    }
    expect(await codes(withMounts('ws_none', workspaceRequests('ws_none')))).toEqual(['workspace_not_found'])
    expect(await codes(withMounts(server.workspaceId, sessionRequests('none')))).toEqual(['file_session_not_found'])

    await rename(server.workspace, `${server.workspace}-moved`)
    const needFolder = all.filter(({ path, method }) => !/renew|sessions$/.test(path) && method !== 'DELETE')
    expect(await codes(withMounts(server.workspaceId, needFolder))).toEqual(['workspace_not_a_folder'])

    await symlink(elsewhere.path, server.workspace)
    // Where the folder really is may be looked up once in a while only.
    while (!(await codes(needFolder.slice(0, 1))).includes('workspace_unauthorized'));
    expect(await codes(withMounts(server.workspaceId, all))).toEqual(['workspace_unauthorized'])
    await rm(server.workspace)
    await rename(`${server.workspace}-moved`, server.workspace)

    await server.call(`/workspaces/${server.workspaceId}`, { method: 'DELETE', headers: asHost })
    expect(await codes(workspaceRequests(server.workspaceId))).toEqual(['workspace_not_found'])
    expect(await codes(ofSession)).toEqual(['file_session_not_found'])
    const mounted = withMounts(server.workspaceId, all).filter(({ path }) => path.startsWith('/w/'))
    expect(await codes(mounted)).toEqual(['workspace_not_found'])
  })

  test('that changes something is refused to viewers, to foreign tokens and to read-only servers', async () => {
    await using server = await startServer(AUTO)
    const { session } = await openSession(server)
    const viewer = await server.tokenOf('viewer')
    for (const request of withMounts(server.workspaceId, sessionRequests(session.id)))
      expect(await refusal(await ask(server, request, viewer))).toEqual([403, 'forbidden'])
    const raw = workspaceRequests(server.workspaceId).slice(-1)
    for (const request of withMounts(server.workspaceId, raw))
      expect(await refusal(await ask(server, request, viewer))).toEqual([403, 'forbidden'])

    await using reading = await startServer({ flags: ['--read-only'] })
    const opened = await openSession(reading)
    const changes = [...raw, ...sessionRequests(opened.session.id).slice(2, 4)]
    for (const request of withMounts(reading.workspaceId, changes)) {
      const path = request.path.replaceAll(server.workspaceId, reading.workspaceId)
      expect(await refusal(await ask(reading, { ...request, path }))).toEqual([403, 'read_only'])
    }
  })
})

test('a remote workspace has no files here', async () => {
  await using folder = await temporaryFolder()
  const workspaces = [{ id: 'far', workspaceType: 'remote', baseUrl: 'http://127.0.0.1:1' }]
  await writeFile(join(folder.path, 'server.json'), JSON.stringify({ workspaces }))
  await using server = await startServer({ ...AUTO, folder: folder.path, workspacesOfFile: true })
  for (const request of withMounts('far', workspaceRequests('far')))
    expect(await refusal(await ask(server, request))).toEqual([400, 'workspace_not_a_folder'])
})

test('changes beyond a hundred that wait for the host are refused, and those denied say so', async () => {
  await using server = await startServer()
  const { session } = await openSession(server)
  const raw = workspaceRequests(server.workspaceId).slice(-1)
  const changes = withMounts(server.workspaceId, [...raw, ...sessionRequests(session.id).slice(2, 4)])
  const waiting = Array.from({ length: 100 }, (_, n) => ask(server, changes[n % changes.length] as Request))
  const approvals = async (): Promise<{ id: string }[]> =>
    ((await server.json('/approvals', { headers: asHost })).body as { items: { id: string }[] }).items
  while ((await approvals()).length < 100);
  for (const request of changes) expect(await refusal(await ask(server, request))).toEqual([429, 'too_many_approvals'])
  for (const { id } of await approvals()) await server.post(`/approvals/${id}`, asHost, { reply: 'deny' })
  for (const answer of await Promise.all(waiting)) expect(await refusal(answer)).toEqual([403, 'write_denied'])
})
