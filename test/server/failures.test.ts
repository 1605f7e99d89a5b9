// Every failure that the server's own description promises, provoked for every operation it promises it for.
import { expect, test } from 'bun:test'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_BATCH_BYTES, MAX_FILE_BYTES } from '../../src/api/files.ts'
import { type Attempt, type Ids, idsOf, type Operation, operationsOf, validAttempt } from './operations.ts'
import { asClient, asHost, startServer, temporaryFolder } from './start-server.ts'
import { startRawUpstream, startUpstream } from './upstream.ts'

type Server = Awaited<ReturnType<typeof startServer>>
type Change = (attempt: Attempt, operation: Operation) => Attempt | undefined

/** Where nobody listens. */
const NOWHERE = 'http://127.0.0.1:9'
const AUTO = ['--approval', 'auto']

/** Sends it; status and code of the answer. Streams are left at once. */
async function answerTo(server: Server, { method }: Operation, { path, headers, body }: Attempt) {
  const response = await server.call(path, { method, headers, ...(body !== undefined && { body }) })
  if (response.ok) await response.body?.cancel()
  const text = response.ok ? '' : await response.text()
  return { status: response.status, code: text === '' ? undefined : (JSON.parse(text) as { code?: string }).code }
}

/** Makes each operation that documents `code` fail with it: by the request as `change` leaves it; undefined skips one. */
async function expectFailures(
  server: Server,
  code: string,
  change: Change = attempt => attempt,
  ids?: Ids,
): Promise<void> {
  const known = ids ?? (await idsOf(server))
  const others: string[] = []
  let refused = 0
  for (const operation of await operationsOf(server)) {
    if (!operation.codes.includes(code)) continue
    const attempt = change(validAttempt(server, operation, known), operation)
    if (!attempt) continue
    const answer = await answerTo(server, operation, attempt)
    if (answer.code === code) refused += 1
    else others.push(`${operation.method} ${operation.path}: ${answer.status} ${answer.code ?? ''}`)
  }
  expect(others).toEqual([])
  expect(refused).toBeGreaterThan(0)
}

const withHeaders =
  (headers: Record<string, string>): Change =>
  attempt => ({
    ...attempt,
    headers: { ...attempt.headers, ...headers },
  })

const withBody =
  (body: string): Change =>
  (attempt, { takesBody }) =>
    takesBody ? { ...attempt, body } : undefined

async function startWithFiles(options: Parameters<typeof startServer>[0] = {}): Promise<Server> {
  const server = await startServer({ ...options, flags: options.flags ?? AUTO })
  await writeFile(join(server.workspace, 'a.txt'), 'a')
  return server
}

/** The same with a settings file that names the workspaces. */
async function startOfFile(folder: string, options: Parameters<typeof startServer>[0] = {}): Promise<Server> {
  await writeFile(join(folder, 'server.json'), JSON.stringify({ workspaces: [{ path: 'project' }] }))
  return startWithFiles({ ...options, folder, workspacesOfFile: true })
}

test('every operation succeeds, under its mount as well', async () => {
  await using folder = await temporaryFolder()
  await using engine = startUpstream()
  await using router = startUpstream()
  await using control = startUpstream(({ method }) => Response.json(method === 'GET' ? VERSIONS : STARTED))
  await using server = await startOfFile(folder.path, {
    flags: [...AUTO, '--opencode-base-url', engine.url],
    env: {
      OPENCODE_ROUTER_HEALTH_PORT: new URL(router.url).port,
      OPENWORK_CONTROL_BASE_URL: control.url,
      OPENWORK_CONTROL_TOKEN: 'control-token',
    },
  })
  const refused: string[] = []
  let ids = await idsOf(server)
  const operations = await operationsOf(server)
  const isLast = ({ method }: Operation): boolean => method === 'DELETE'
  for (const operation of [...operations.filter(one => !isLast(one)), ...operations.filter(isLast)]) {
    if (operation.path === '/approvals/{id}' || operation.path === '/workspaces/{id}') continue // nothing waits; last
    if (isLast(operation)) ids = await idsOf(server)
    const attempt = validAttempt(server, operation, ids)
    if (operation.path === '/pairings/claim') attempt.body = JSON.stringify({ code: await openCode(server) })
    const { status, code } = await answerTo(server, operation, attempt)
    if (status >= 300) refused.push(`${operation.method} ${operation.path}: ${status} ${code}`)
  }
  expect(refused).toEqual([])
  expect((await server.call(`/workspaces/${server.workspaceId}`, { method: 'DELETE', headers: asHost })).status).toBe(
    200,
  )
})

const UPGRADE = { status: 'idle', startedAt: null, finishedAt: null, error: null, operationId: null, services: [] }
const VERSIONS = {
  ok: true,
  orchestrator: { version: '1.2.3', startedAt: 1 },
  worker: { workspace: '/project', sandboxMode: 'none' },
  upgrade: UPGRADE,
  services: [],
}
const STARTED = { ok: true, started: true, services: [], upgrade: UPGRADE }

async function openCode(server: Server): Promise<string> {
  return ((await (await server.post('/pairings', asHost, {})).json()) as { code: string }).code
}

test('a caller without a token, of the wrong name or from another page is refused everywhere', async () => {
  await using server = await startWithFiles()
  await expectFailures(server, 'unauthorized', attempt => ({ ...attempt, headers: {} }))
  await expectFailures(server, 'host_not_allowed', withHeaders({ host: 'evil.example' }))
  await expectFailures(server, 'origin_not_allowed', withHeaders({ origin: 'https://evil.example' }))
})

test('who has guessed too often is refused everywhere', async () => {
  await using server = await startWithFiles()
  const wrong = { authorization: 'Bearer wrong' }
  const ids = await idsOf(server)
  const wrongCode = { method: 'POST', headers: {}, body: '{"code":"wrong"}' }
  for (const operation of await operationsOf(server)) {
    if (!operation.codes.includes('too_many_attempts')) continue
    const attempt = validAttempt(server, operation, ids)
    let answer = await answerTo(server, operation, { ...attempt, headers: wrong })
    // The pause ends by and by; the next guess prolongs it.
    for (let tries = 0; answer.status !== 429 && tries < 15; tries += 1)
      answer =
        operation.path === '/pairings/claim'
          ? await answerTo(server, operation, { path: operation.path, ...wrongCode })
          : await answerTo(server, operation, { ...attempt, headers: wrong })
    expect([operation.path, answer.code]).toEqual([operation.path, 'too_many_attempts'])
  }
})

test('a request that cannot be read is refused before anything else is looked at', async () => {
  await using server = await startWithFiles()
  const malformed: Change = ({ path, ...attempt }, operation) => {
    const [parameter] = /\{\w+\}/.exec(operation.path) ?? []
    return parameter === undefined
      ? undefined
      : { ...attempt, path: operation.path.replace(parameter, '%zz').replaceAll(/\{\w+\}/g, 'x') }
  }
  await expectFailures(server, 'invalid_path', malformed)
  await expectFailures(server, 'invalid_json', withBody('{'))
  await expectFailures(server, 'invalid_payload', (attempt, { takesBody }) =>
    takesBody
      ? { ...attempt, body: '[]' }
      : // Without what a route needs, and with what none can read.
        { ...attempt, path: `${attempt.path.replace(/\?.*/, '')}?force=maybe` },
  )
  const large = `{"x":"${'x'.repeat(1024 * 1024)}"}`
  const larger = `{"x":"${'x'.repeat(7_000_000)}"}`
  const largest = `{"x":"${'x'.repeat(45_000_000)}"}`
  await expectFailures(server, 'body_too_large', (attempt, operation) => {
    const body = operation.path.endsWith('/raw') ? larger : operation.path.endsWith('/write-batch') ? largest : large
    return { ...attempt, body }
  })
})

test('a viewer changes nothing, and nobody does in read-only mode', async () => {
  await using engine = startUpstream()
  await using server = await startWithFiles({ flags: [...AUTO, '--opencode-base-url', engine.url] })
  const viewer = await server.tokenOf('viewer')
  await expectFailures(server, 'forbidden', (attempt, { method, path }) => ({
    ...attempt,
    headers: viewer,
    path:
      method === 'GET'
        ? attempt.path.replace(/session$/, path.includes('router') ? 'bindings' : 'config')
        : attempt.path,
  }))
  await using readOnly = await startWithFiles({ flags: [...AUTO, '--read-only'] })
  await expectFailures(readOnly, 'read_only')
})

test('what is not there is not found', async () => {
  await using server = await startWithFiles()
  const ids = await idsOf(server)
  const second = join(server.folder, 'second')
  const created = await server.post('/workspaces/local', asHost, { folderPath: second })
  const { activeId } = (await created.json()) as { activeId: string }
  const opened = await server.post(`/workspace/${activeId}/files/sessions`, asHost, {})
  const { session } = (await opened.json()) as { session: { id: string } }
  await server.call(`/workspaces/${activeId}`, { method: 'DELETE', headers: asHost })
  const gone = { ...ids, workspace: activeId, session: session.id }
  await expectFailures(server, 'workspace_not_found', undefined, gone)
  await expectFailures(
    server,
    'file_session_not_found',
    (attempt, { path }) => {
      return path.startsWith('/w/') ? undefined : attempt // whose workspace is not found before
    },
    gone,
  )
  await expectFailures(server, 'file_session_not_found', undefined, { ...ids, session: 'none' })
  await expectFailures(server, 'token_not_found', undefined, { ...ids, token: 'none' })
  await expectFailures(server, 'pairing_not_found', undefined, { ...ids, pairing: 'none' })
  await expectFailures(server, 'approval_not_found', undefined, { ...ids, approval: 'none' })
  await expectFailures(server, 'file_not_found', attempt => ({
    ...attempt,
    path: attempt.path.replace('a.txt', 'none'),
  }))
  await expectFailures(server, 'range_not_satisfiable', withHeaders({ range: 'bytes=9-' }))
})

const MODEL = JSON.stringify({ opencode: { model: 'm' } })

test('a workspace that has become a link out of the authorized roots is closed', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'roots', 'project')
  await mkdir(path, { recursive: true })
  const settings = { workspaces: [{ id: 'ours', path }], authorizedRoots: [join(folder.path, 'roots')] }
  await writeFile(join(folder.path, 'server.json'), JSON.stringify(settings))
  const flags = [...AUTO, '--opencode-base-url', NOWHERE]
  await using server = await startServer({ folder: folder.path, workspacesOfFile: true, flags })
  const ids = await idsOf(server)
  await rename(path, join(folder.path, 'moved'))
  await symlink(join(folder.path, 'moved'), path)
  // It was found inside a moment ago, which counts for a second.
  while ((await server.call('/workspace/ours/audit', { headers: asHost })).status !== 403) await Bun.sleep(50)
  // The active opencode may be asked for any folder by an owner, and for one outside by nobody else.
  const elsewhere: Change = (attempt, { path }) =>
    path === '/opencode/{path}'
      ? { ...attempt, headers: { ...asClient, 'x-opencode-directory': folder.path } }
      : attempt
  await expectFailures(server, 'workspace_unauthorized', elsewhere, ids)
})

test('a workspace without a folder, or whose folder is gone, has no files', async () => {
  await using folder = await temporaryFolder()
  const remote = { id: 'remote', workspaceType: 'remote', baseUrl: NOWHERE }
  await writeFile(join(folder.path, 'server.json'), JSON.stringify({ workspaces: [remote] }))
  await using other = await startServer({ folder: folder.path, workspacesOfFile: true, flags: AUTO })
  // These need a folder to begin with.
  const ofFolder: Change = (attempt, { method, path }) =>
    path.includes('{sessionId}') || (method === 'GET' && path.endsWith('/config')) ? attempt : undefined
  await expectFailures(other, 'workspace_not_a_folder', (attempt, operation) => {
    if (operation.path === '/workspaces/local')
      return { ...attempt, body: JSON.stringify({ folderPath: join(folder.path, 'server.json') }) }
    return ofFolder(attempt, operation) ? undefined : attempt
  })
  await using server = await startWithFiles()
  const ids = await idsOf(server)
  await rm(server.workspace, { recursive: true })
  await expectFailures(server, 'workspace_not_a_folder', ofFolder, ids)
})

test('what the host does not allow is not done', async () => {
  await using impatient = await startWithFiles({ flags: ['--approval-timeout', '1'] })
  await expectFailures(impatient, 'write_denied')
})

/** Requests of the host's that wait until it is left; resolves when they do. */
async function waitingRequests(server: Server, paths: readonly string[], body: string) {
  const leaving = new AbortController()
  const init = { method: 'POST', headers: asHost, body, signal: leaving.signal }
  const answers = paths.map(path => server.call(path, init).catch(() => undefined))
  const count = async (): Promise<number> =>
    ((await server.json('/approvals', { headers: asHost })).body as { items: unknown[] }).items.length
  while ((await count()) < paths.length) await Bun.sleep(5)
  return {
    async [Symbol.asyncDispose]() {
      leaving.abort()
      await Promise.all(answers)
    },
  }
}

test('a hundred questions at once are enough, and so is the memory that waiting writes hold', async () => {
  await using server = await startWithFiles({ flags: [] })
  const ids = await idsOf(server)
  {
    const path = `/workspace/${server.workspaceId}/files/raw`
    const body = JSON.stringify({ path: 'waiting', dataBase64: '' })
    await using _waiting = await waitingRequests(
      server,
      Array.from({ length: 100 }, () => path),
      body,
    )
    await expectFailures(server, 'too_many_approvals', undefined, ids)
  }
  await using large = await startWithFiles({ flags: [] })
  const known = await idsOf(large)
  const contentBase64 = Buffer.alloc(4_000_000).toString('base64')
  const writes = Array.from({ length: 8 }, (_, n) => ({ path: `${n}`, contentBase64 }))
  const paths = Array.from({ length: 3 }, () => `/files/sessions/${known.session}/write-batch`)
  await using _waiting = await waitingRequests(large, paths, JSON.stringify({ writes }))
  const small = { path: 'small', contentBase64: btoa('x') }
  await expectFailures(
    large,
    'too_many_writes',
    withBody(JSON.stringify({ path: 'small', dataBase64: btoa('x'), writes: [small] })),
    known,
  )
})

test('files and batches have their limits, and what has changed meanwhile is not overwritten', async () => {
  await using server = await startWithFiles()
  const dataBase64 = Buffer.alloc(MAX_FILE_BYTES + 1).toString('base64')
  await writeFile(join(server.workspace, 'opencode.json'), ' '.repeat(MAX_FILE_BYTES + 1))
  await expectFailures(server, 'file_too_large', (attempt, { path }) =>
    path.endsWith('/raw')
      ? { ...attempt, body: JSON.stringify({ path: 'large', dataBase64 }) }
      : { ...attempt, ...(attempt.body && { body: MODEL }) },
  )
  await expectFailures(server, 'conflict', attempt => ({
    ...attempt,
    body: JSON.stringify({ path: 'a.txt', dataBase64: '', baseUpdatedAt: 1 }),
  }))
  const contentBase64 = Buffer.alloc(MAX_FILE_BYTES).toString('base64')
  const rest = Buffer.alloc((MAX_BATCH_BYTES % MAX_FILE_BYTES) + 1).toString('base64')
  const writes = Array.from({ length: Math.floor(MAX_BATCH_BYTES / MAX_FILE_BYTES) + 1 }, (_, n) => ({
    path: `${n}`,
    contentBase64: n === 0 ? rest : contentBase64,
  }))
  await expectFailures(server, 'batch_too_large', attempt => ({ ...attempt, body: JSON.stringify({ writes }) }))
})

test('settings that cannot be read or written are said to be so', async () => {
  await using own = await temporaryFolder()
  await using broken = await startOfFile(own.path)
  const ids = await idsOf(broken)
  await writeFile(join(broken.workspace, 'opencode.json'), '{')
  await expectFailures(broken, 'invalid_jsonc', (attempt, { path }) => ({
    ...attempt,
    ...(attempt.body && {
      body: JSON.stringify(
        path === '/workspaces/local' ? { folderPath: broken.workspace } : { opencode: { model: 'm' } },
      ),
    }),
  }))
  await writeFile(join(broken.folder, 'server.json'), '{')
  await expectFailures(broken, 'invalid_config', undefined, ids)
  // The name leaves no room for the lock's.
  await using folder = await temporaryFolder()
  const config = join(folder.path, `${'n'.repeat(246)}.json`)
  await writeFile(config, '{}')
  await using locked = await startWithFiles({ env: { OPENWORK_SERVER_CONFIG: config } })
  await expectFailures(locked, 'config_file_unusable')
})

test('tokens have their number, and a place they are kept in', async () => {
  await using server = await startWithFiles()
  const codes = [await openCode(server), await openCode(server)]
  const claim: Change = (attempt, { path }) =>
    path === '/pairings/claim' ? { ...attempt, body: JSON.stringify({ code: codes[0] }) } : attempt
  const ids = await idsOf(server)
  const tokens = Array.from({ length: 1000 }, (_, n) => ({
    id: `token-${n}`,
    hash: n.toString(16).padStart(64, '0'),
    scope: 'viewer',
    createdAt: n,
  }))
  await writeFile(join(server.folder, 'tokens.json'), JSON.stringify({ schemaVersion: 1, tokens }))
  await expectFailures(server, 'token_limit_reached', claim, ids)

  await using folder = await temporaryFolder()
  const store = join(folder.path, 'store')
  await mkdir(store)
  await using storeless = await startWithFiles({ env: { OPENWORK_TOKEN_STORE: join(store, 'tokens.json') } })
  const known = await idsOf(storeless)
  codes[0] = await openCode(storeless)
  await rm(store, { recursive: true })
  await writeFile(store, 'in the way')
  await expectFailures(storeless, 'token_store_unusable', claim, known)
})

test('a scope that is none, and more pairings than anybody needs, are refused', async () => {
  await using server = await startWithFiles()
  await expectFailures(server, 'invalid_scope', withBody('{"scope":"emperor"}'))
  const ids = await idsOf(server)
  for (let n = 0; n < 20; n += 1) await server.post('/pairings', asHost, {})
  await expectFailures(server, 'pairing_limit_reached', undefined, ids)
})

test('programs behind the server that are absent are told apart from those that are gone', async () => {
  await using alone = await startWithFiles()
  const absent = [
    'opencode_unconfigured',
    'opencodeRouter_unconfigured',
    'runtime_upgrade_unavailable',
    'not_available',
  ]
  for (const code of absent) await expectFailures(alone, code)
  await using gone = await startWithFiles({
    flags: [...AUTO, '--opencode-base-url', NOWHERE],
    env: {
      OPENCODE_ROUTER_HEALTH_PORT: '9',
      OPENWORK_CONTROL_BASE_URL: NOWHERE,
      OPENWORK_CONTROL_TOKEN: 'control-token',
      OPENWORK_CONTROL_WORKSPACES: '1',
    },
  })
  for (const code of [
    'opencode_unreachable',
    'opencodeRouter_unreachable',
    'runtime_upgrade_failed',
    'daemon_not_running',
  ])
    await expectFailures(gone, code)
})

test('a daemon that cannot list one more workspace, or cannot do it at all, is said to be so', async () => {
  for (const [status, said, code] of [
    [409, 'workspace_limit_reached', 'workspace_limit_reached'],
    [401, 'unauthorized', 'daemon_state_unusable'],
  ] as const) {
    await using control = startUpstream(() => Response.json({ code: said, message: 'no' }, { status }))
    await using server = await startWithFiles({
      env: {
        OPENWORK_CONTROL_BASE_URL: control.url,
        OPENWORK_CONTROL_TOKEN: 'control-token',
        OPENWORK_CONTROL_WORKSPACES: '1',
      },
    })
    await expectFailures(server, code)
  }
})

test('an opencode that refuses, or babbles, is said to do so', async () => {
  await using refusing = startUpstream(() => new Response('no', { status: 500 }))
  await using refused = await startWithFiles({ flags: [...AUTO, '--opencode-base-url', refusing.url] })
  await expectFailures(refused, 'opencode_reload_failed')
  await using babbling = await startRawUpstream(() => 'HTTP/1.1 nonsense\r\n\r\n')
  await using confused = await startWithFiles({ flags: [...AUTO, '--opencode-base-url', babbling.url] })
  await expectFailures(confused, 'opencode_invalid_answer')
})
