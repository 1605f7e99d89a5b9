import { expect, setSystemTime, test } from 'bun:test'
import { mkdir, readdir, readFile, rename, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openedPairing } from '../../src/api/pairings.ts'
import { issuedToken, tokenList } from '../../src/api/tokens.ts'
import { TokenStore } from '../../src/server/token-store.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { asClient, asHost, startServer, temporaryFolder, testInProcess } from './start-server.ts'

const record = (id: string, more: object = {}): object => ({
  id,
  hash: Bun.SHA256.hash(id, 'hex'),
  scope: 'viewer',
  createdAt: 1,
  ...more,
})

test('a token is issued once, listed without its value, works, and is gone when revoked', async () => {
  await using server = await startServer()
  const response = await server.post('/tokens', asHost, { scope: 'collaborator', label: ' phone ' })
  expect(response.status).toBe(201)
  const issued = issuedToken.parse(await response.json())
  expect(issued).toMatchObject({ scope: 'collaborator', label: 'phone' })
  expect(issued.token).toMatch(/^owt_[0-9a-f]{32}$/)

  const { body } = await server.json('/tokens', { headers: asHost })
  const { token, ...listed } = issued
  expect(tokenList.strict().parse(body).items).toEqual([listed])
  const headers = { authorization: `Bearer ${token}` }
  expect((await server.call('/whoami', { headers })).status).toBe(200)

  const path = `/tokens/${issued.id}`
  expect((await server.json(path, { method: 'DELETE', headers: asHost })).body).toEqual({ ok: true })
  expect((await server.call('/whoami', { headers })).status).toBe(401)
  const again = await server.json(path, { method: 'DELETE', headers: asHost })
  expect(again).toMatchObject({ status: 404, body: { code: 'token_not_found' } })
})

test('the store holds hashes, in a file and a folder nobody else can read', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'private', 'tokens.json')
  await using server = await startServer({ env: { OPENWORK_TOKEN_STORE: path } })
  const response = await server.post('/tokens', asHost, { scope: 'viewer' })
  const { token } = issuedToken.parse(await response.json())
  const text = await readFile(path, 'utf8')
  expect(text).not.toContain(token)
  expect(JSON.parse(text)).toMatchObject({
    schemaVersion: 1,
    tokens: [{ scope: 'viewer', hash: Bun.SHA256.hash(token, 'hex') }],
  })
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder.path, 'private'))).mode & 0o777).toBe(0o700)
  expect(await readdir(join(folder.path, 'private'))).toEqual(['tokens.json']) // no lock, no half-written file
})

test('nothing is written before the first token', async () => {
  await using folder = await temporaryFolder()
  await using server = await startServer({ folder: folder.path })
  expect((await server.json('/tokens', { headers: asHost })).body).toEqual({ items: [] })
  expect(await readdir(folder.path)).toEqual(['project'])
})

test('tokens created at the same moment through two servers on one store all live', async () => {
  await using folder = await temporaryFolder()
  const env = { OPENWORK_TOKEN_STORE: join(folder.path, 'tokens.json') }
  await using one = await startServer({ env })
  await using two = await startServer({ env })
  const created = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const response = await (index % 2 ? one : two).post('/tokens', asHost, { scope: 'viewer', label: `n${index}` })
      return issuedToken.parse(await response.json())
    }),
  )
  for (const server of [one, two]) {
    const { items } = tokenList.parse((await server.json('/tokens', { headers: asHost })).body)
    expect(new Set(items.map(item => item.id))).toEqual(new Set(created.map(item => item.id)))
  }
})

test('a token revoked through one server is soon refused by the other', async () => {
  await using folder = await temporaryFolder()
  const { log } = listeningLog()
  const path = join(folder.path, 'tokens.json')
  const one = await TokenStore.open(path, log)
  const two = await TokenStore.open(path, log)
  const { id, token } = await one.issue({ scope: 'owner' })
  await two.list() // looks at the file
  const hash = Bun.SHA256.hash(token, 'hex')
  expect(await two.find(hash)).toMatchObject({ id })
  await one.revoke(id)
  await two.list()
  expect(await two.find(hash)).toBeUndefined()
})

testInProcess('a new owner token takes the place of the one a dead start left, and of no other', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  const gone = Bun.spawn(['true'])
  await gone.exited
  const host = (await import('node:os')).hostname()
  const tokens = [
    record('left-behind', { scope: 'owner', label: 'host', issuer: { host, pid: gone.pid } }),
    record('still-running', { scope: 'owner', label: 'host', issuer: { host, pid: process.pid } }),
    record('elsewhere', { scope: 'owner', label: 'host', issuer: { host: 'other-machine', pid: gone.pid } }),
    record('another-label', { scope: 'owner', label: 'mine', issuer: { host, pid: gone.pid } }),
    record('by-hand', { scope: 'owner', label: 'host' }),
    record('a-viewer', { scope: 'viewer', label: 'host', issuer: { host, pid: gone.pid } }),
  ]
  await writeFile(path, JSON.stringify({ schemaVersion: 1, updatedAt: 1, tokens }))
  const store = await TokenStore.open(path, listeningLog().log)
  const { id } = await store.issue({ scope: 'owner', label: 'host' })
  const ids = (await store.list()).map(item => item.id)
  expect(ids).toEqual([id, 'still-running', 'elsewhere', 'another-label', 'by-hand', 'a-viewer'])
})

testInProcess('a bad record costs only itself, and a copy of the file is kept', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  const content = JSON.stringify({ tokens: [null, record('good'), { id: 'x' }, record('odd', { scope: 'root' })] })
  await writeFile(path, content, { mode: 0o644 })
  const { log, lines } = listeningLog()
  const store = await TokenStore.open(path, log)
  expect((await store.list()).map(item => item.id)).toEqual(['good'])
  expect(lines.join('\n')).toContain('3 entries of the token store')
  expect(await readFile(`${path}.invalid`, 'utf8')).toBe(content)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await stat(`${path}.invalid`)).mode & 0o777).toBe(0o600)
})

testInProcess('a store that is not JSON counts as empty, is kept aside, and can be written again', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  await writeFile(path, '{"tokens": [')
  const { log, lines } = listeningLog()
  const store = await TokenStore.open(path, log)
  expect(lines.join('\n')).toContain('is not valid and counts as empty')
  const { id } = await store.issue({ scope: 'viewer' })
  expect((await store.list()).map(item => item.id)).toEqual([id])
  expect(await readFile(`${path}.invalid`, 'utf8')).toBe('{"tokens": [')
})

testInProcess('there is an end to the number of tokens', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  await writeFile(path, JSON.stringify({ tokens: Array.from({ length: 1000 }, (_, n) => record(`n${n}`)) }))
  await using server = await startServer({ folder: folder.path })
  const refused = { code: 'token_limit_reached' }
  const token = await server.post('/tokens', asHost, { scope: 'viewer' })
  expect([token.status, await token.json()]).toMatchObject([409, refused])
  const { code } = openedPairing.parse(await (await server.post('/pairings', asHost, {})).json())
  const claim = await server.post('/pairings/claim', {}, { code })
  expect([claim.status, await claim.json()]).toMatchObject([409, refused])
})

test('a store that cannot be written is a failure with a code, not a crash', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'tokens.json')) // a folder where the file should be
  await using server = await startServer({ folder: folder.path })
  for (const [method, path] of [
    ['POST', '/tokens'],
    ['DELETE', '/tokens/some'],
    ['POST', '/tokens/some/rotate'],
  ] as const) {
    const body = path === '/tokens' ? { body: JSON.stringify({ scope: 'viewer' }) } : {}
    const answer = await server.json(path, { method, headers: asHost, ...body })
    expect(answer).toMatchObject({ status: 500, body: { code: 'token_store_unusable' } })
  }
})

test('only the host lists and changes tokens', async () => {
  await using server = await startServer()
  const { id } = issuedToken.parse(await (await server.post('/tokens', asHost, { scope: 'viewer' })).json())
  for (const headers of [{}, asClient, await server.tokenOf('collaborator')])
    for (const [method, path] of [
      ['GET', '/tokens'],
      ['POST', '/tokens'],
      ['DELETE', `/tokens/${id}`],
      ['POST', `/tokens/${id}/rotate`],
    ] as const) {
      const answer = await server.json(path, { method, headers })
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    }
})

const readTokens = async (path: string): Promise<{ id: string; lastSeenAt?: number }[]> =>
  JSON.parse(await readFile(path, 'utf8')).tokens

test('a rotated token keeps its record and gets another secret; the one before is refused at once', async () => {
  await using server = await startServer()
  const response = await server.post('/tokens', asHost, { scope: 'viewer', label: 'wall', expiresInSeconds: 600 })
  const before = issuedToken.parse(await response.json())
  const rotation = await server.post(`/tokens/${before.id}/rotate`, asHost)
  expect(rotation.status).toBe(200)
  const after = issuedToken.parse(await rotation.json())
  expect(after).toEqual({ ...before, token: after.token })
  expect(after.token).not.toBe(before.token)
  const statusWith = async (token: string): Promise<number> =>
    (await server.call('/whoami', { headers: { authorization: `Bearer ${token}` } })).status
  expect([await statusWith(before.token), await statusWith(after.token)]).toEqual([401, 200])
  const unknown = await server.json('/tokens/none/rotate', { method: 'POST', headers: asHost })
  expect(unknown).toMatchObject({ status: 404, body: { code: 'token_not_found' } })
})

testInProcess('a token is refused from its deadline on, listed no more, and forgotten a day later', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  const store = await TokenStore.open(path, listeningLog().log)
  const startMs = Date.now()
  try {
    setSystemTime(startMs)
    const { id, token, expiresAt } = await store.issue({ scope: 'viewer', expiresInSeconds: 60 })
    const hash = Bun.SHA256.hash(token, 'hex')
    expect(expiresAt).toBe(startMs + 60_000)
    setSystemTime(startMs + 59_999)
    expect(await store.find(hash)).toMatchObject({ id })
    setSystemTime(startMs + 60_000)
    expect(await store.find(hash)).toBeUndefined()
    expect(await store.list()).toEqual([])
    await expect(store.rotate(id)).rejects.toMatchObject({ code: 'token_not_found' })
    await store.issue({ scope: 'viewer' })
    expect((await readTokens(path)).map(record => record.id)).toContain(id)
    setSystemTime(startMs + 60_000 + 24 * 60 * 60_000)
    await store.issue({ scope: 'viewer' })
    expect((await readTokens(path)).map(record => record.id)).not.toContain(id)
  } finally {
    setSystemTime()
  }
})

test('tokens of an earlier version’s file stay valid', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  await writeFile(path, JSON.stringify({ schemaVersion: 1, updatedAt: 1, tokens: [record('old', { label: 'a\nb' })] }))
  const store = await TokenStore.open(path, listeningLog().log)
  expect(await store.find(Bun.SHA256.hash('old', 'hex'))).toMatchObject({ id: 'old' })
  expect(await store.list()).toMatchObject([{ id: 'old', kind: 'issued', label: 'a\nb' }])
})

test('when a token was used is known at once, and written when the server stops, not by requests', async () => {
  await using folder = await temporaryFolder()
  const env = { OPENWORK_TOKEN_STORE: join(folder.path, 'tokens.json') }
  await using server = await startServer({ env })
  const headers = await server.tokenOf('viewer')
  const items = async () => tokenList.parse((await server.json('/tokens', { headers: asHost })).body).items
  expect((await items())[0]?.lastSeenAt).toBeUndefined()
  const fromMs = Date.now()
  const before = await stat(env.OPENWORK_TOKEN_STORE)
  for (let n = 0; n < 50; n++) expect((await server.call('/whoami', { headers })).status).toBe(200)
  expect((await items())[0]?.lastSeenAt).toBeGreaterThanOrEqual(fromMs)
  expect((await stat(env.OPENWORK_TOKEN_STORE)).ino).toBe(before.ino)
  await server.stop()
  expect((await readTokens(env.OPENWORK_TOKEN_STORE))[0]?.lastSeenAt).toBeGreaterThanOrEqual(fromMs)
  expect((await stat(env.OPENWORK_TOKEN_STORE)).mode & 0o777).toBe(0o600)
})

testInProcess('a paired device’s owner token is not taken for one a dead start left', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  const store = await TokenStore.open(path, listeningLog().log)
  const device = await store.issueToDevice({ scope: 'owner', label: 'host' })
  const { id } = await store.issue({ scope: 'owner', label: 'host' })
  expect((await store.list()).map(item => item.id)).toEqual([id, device.id])
})

test('a store that cannot be read for a while is not written over', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tokens.json')
  const { log, lines } = listeningLog()
  const store = await TokenStore.open(path, log)
  const kept = await store.issue({ scope: 'viewer', label: 'kept' })
  // Root reads whatever the mode says; a folder nobody reads.
  await rename(path, `${path}.away`)
  await mkdir(path)
  await expect(store.issue({ scope: 'viewer' })).rejects.toMatchObject({ code: 'token_store_unusable' })
  await store.list()
  expect(lines.join('\n')).toContain('issued tokens are not accepted')
  await rmdir(path)
  await rename(`${path}.away`, path)
  expect(await store.list()).toMatchObject([{ id: kept.id }])
})
