import { expect, setSystemTime, test } from 'bun:test'
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { auditEntry } from '../../src/api/audit.ts'
import { type OpenedPairing, openedPairing, type PairingInfo, pairingList } from '../../src/api/pairings.ts'
import { issuedToken, tokenList } from '../../src/api/tokens.ts'
import { Pairings } from '../../src/server/pairings.ts'
import { TokenStore } from '../../src/server/token-store.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { asClient, asHost, startServer, temporaryFolder, testInProcess } from './start-server.ts'

type Server = Awaited<ReturnType<typeof startServer>>

async function open(server: Server, request: object = {}): Promise<OpenedPairing> {
  const response = await server.post('/pairings', asHost, request)
  expect(response.status).toBe(201)
  return openedPairing.parse(await response.json())
}

const claim = (server: Server, body: unknown): Promise<Response> => server.post('/pairings/claim', {}, body)

async function refusal(response: Response): Promise<unknown> {
  return [response.status, ((await response.json()) as { code: string }).code]
}

const listed = async (server: Server): Promise<PairingInfo[]> =>
  pairingList.strict().parse((await server.json('/pairings', { headers: asHost })).body).items

test('a code becomes a device token that works, is listed as a device and can be revoked', async () => {
  await using server = await startServer()
  const { code, ...pairing } = await open(server, { label: 'Ada’s phone', tokenExpiresInSeconds: 3600 })
  expect(code).toMatch(/^([2-9A-HJ-NP-Z]{4}-){2}[2-9A-HJ-NP-Z]{4}$/)
  expect(pairing).toMatchObject({ status: 'open', scope: 'collaborator', label: 'Ada’s phone' })
  expect(pairing.expiresAt - pairing.createdAt).toBe(10 * 60_000)
  expect(await listed(server)).toEqual([pairing])

  const response = await claim(server, { code: ` ${code.toLowerCase().replaceAll('-', ' ')} `, label: 'the host' })
  expect(response.status).toBe(201)
  const { token, ...device } = issuedToken.parse(await response.json())
  expect(device).toMatchObject({ kind: 'device', scope: 'collaborator', label: 'Ada’s phone' })
  expect((device.expiresAt ?? 0) - device.createdAt).toBe(3_600_000)
  expect(await listed(server)).toEqual([{ ...pairing, status: 'claimed', tokenId: device.id }])

  const asDevice = { authorization: `Bearer ${token}` }
  expect((await server.call('/whoami', { headers: asDevice })).status).toBe(200)
  const { items } = tokenList.parse((await server.json('/tokens', { headers: asHost })).body)
  expect(items).toEqual([{ ...device, lastSeenAt: expect.any(Number) }])
  expect((await server.call(`/tokens/${device.id}`, { method: 'DELETE', headers: asHost })).status).toBe(200)
  expect((await server.call('/whoami', { headers: asDevice })).status).toBe(401)
})

test('a device may name itself when the host did not, with a name that is safe to show', async () => {
  await using server = await startServer()
  const { code } = await open(server, { scope: 'viewer' })
  for (const label of ['\u001b[2Jowner', 'a\nb', '\u202egnol', 'x'.repeat(81)])
    expect(await refusal(await claim(server, { code, label }))).toEqual([400, 'invalid_payload'])
  const device = issuedToken.parse(await (await claim(server, { code, label: 'tablet' })).json())
  expect(device).toMatchObject({ scope: 'viewer', label: 'tablet' })
  expect(await listed(server)).toMatchObject([{ status: 'claimed', label: 'tablet' }])
})

test('of twenty claims of one code at the same moment, one gets a token', async () => {
  await using server = await startServer()
  const { code } = await open(server)
  const answers = await Promise.all(Array.from({ length: 20 }, () => claim(server, { code })))
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter(status => status === 201)).toHaveLength(1)
  expect(statuses.filter(status => status === 404 || status === 429)).toHaveLength(19)
  expect(tokenList.parse((await server.json('/tokens', { headers: asHost })).body).items).toHaveLength(1)
})

test('wrong, used and cancelled codes cannot be told apart', async () => {
  await using server = await startServer()
  const used = await open(server)
  expect((await claim(server, { code: used.code })).status).toBe(201)
  const cancelled = await open(server)
  const path = `/pairings/${cancelled.id}`
  expect(await server.json(path, { method: 'DELETE', headers: asHost })).toEqual({ status: 200, body: { ok: true } })
  expect(await refusal(await server.call(path, { method: 'DELETE', headers: asHost }))).toEqual([
    404,
    'pairing_not_found',
  ])
  const answers = new Set<string>()
  for (const code of [used.code, cancelled.code, '2222-2222-2222', '', '%00', used.code.slice(1)]) {
    const response = await claim(server, { code })
    answers.add(`${response.status} ${await response.text()}`)
  }
  expect([...answers]).toEqual([expect.stringContaining('404 {"code":"pairing_not_found"')])
})

test('guessing codes is slowed down, and does not stand in the way of tokens', async () => {
  await using server = await startServer()
  const { code } = await open(server)
  const statuses: number[] = []
  for (let guess = 0; guess < 12; guess++) statuses.push((await claim(server, { code: `2222-2222-22${guess}` })).status)
  expect(statuses.slice(0, 11)).toEqual(Array(11).fill(404))
  expect(statuses[11]).toBe(429)
  const right = await claim(server, { code })
  expect(await refusal(right)).toEqual([429, 'too_many_attempts'])
  expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await server.call('/whoami', { headers: asClient })).status).toBe(200)
})

test('a claim whose token cannot be kept is a failure with a code', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'tokens.json')) // a folder where the file should be
  await using server = await startServer({ folder: folder.path })
  const { code } = await open(server)
  expect(await refusal(await claim(server, { code }))).toEqual([500, 'token_store_unusable'])
  expect(await listed(server)).toMatchObject([{ status: 'open' }])
})

test('only the host opens, lists and cancels pairings, in read-only mode too', async () => {
  await using server = await startServer({ flags: ['--read-only'] })
  const collaborator = await server.tokenOf('collaborator')
  for (const headers of [{}, asClient, collaborator])
    for (const [method, path] of [
      ['POST', '/pairings'],
      ['GET', '/pairings'],
      ['DELETE', '/pairings/x'],
    ] as const)
      expect((await server.call(path, { method, headers })).status).toBe(401)
  const owner = await server.tokenOf('owner')
  expect((await server.post('/pairings', owner, {})).status).toBe(201)
})

test('requests that are not a pairing are refused with a reason', async () => {
  await using server = await startServer()
  const post = async (body: object): Promise<unknown> => refusal(await server.post('/pairings', asHost, body))
  expect(await post({ scope: 'root' })).toEqual([400, 'invalid_scope'])
  for (const expiresInSeconds of [0, -1, 1.5, 1e9, '60', null])
    expect(await post({ expiresInSeconds })).toEqual([400, 'invalid_payload'])
  expect(await post({ tokenExpiresInSeconds: 0 })).toEqual([400, 'invalid_payload'])
  expect(await refusal(await claim(server, {}))).toEqual([400, 'invalid_payload'])
  expect(await refusal(await claim(server, { code: 'x'.repeat(65) }))).toEqual([400, 'invalid_payload'])
  for (const path of ['/pairings', '/pairings/claim']) {
    expect(await refusal(await server.call(path, { method: 'POST', headers: asHost, body: '{' }))).toEqual([
      400,
      'invalid_json',
    ])
    const huge = await server.post(path, asHost, { code: 'x'.repeat(1_100_000) })
    expect(await refusal(huge)).toEqual([413, 'body_too_large'])
  }
})

test('there is an end to the number of open pairings', async () => {
  await using server = await startServer()
  const opened: OpenedPairing[] = []
  for (let n = 0; n < 20; n++) opened.push(await open(server))
  expect(await refusal(await server.post('/pairings', asHost, {}))).toEqual([409, 'pairing_limit_reached'])
  expect((await claim(server, { code: opened[7]?.code })).status).toBe(201)
  expect((await server.post('/pairings', asHost, {})).status).toBe(201)
})

test('a code is written down nowhere', async () => {
  await using server = await startServer({ flags: ['--verbose'] })
  const { code } = await open(server)
  await claim(server, { code })
  const { out, err } = await server.logged()
  const files = await readdir(server.folder, { recursive: true, withFileTypes: true })
  const texts = await Promise.all(
    files.filter(file => file.isFile()).map(file => readFile(join(file.parentPath, file.name), 'utf8')),
  )
  for (const text of [out, err, ...texts]) expect(text).not.toContain(code)
})

/** Pairings on a clock of the test's, over a real token store. */
async function pairingsIn(folder: string): Promise<{ pairings: Pairings; tokens: TokenStore }> {
  const { log } = listeningLog()
  const tokens = await TokenStore.open(join(folder, 'tokens.json'), log)
  return { pairings: new Pairings(tokens), tokens }
}

const request = { scope: 'viewer', expiresInSeconds: 60 } as const
const here = { address: '192.0.2.1' }

testInProcess('a code ends with its deadline, and setting the clock neither prolongs nor shortens it', async () => {
  await using folder = await temporaryFolder()
  const { pairings } = await pairingsIn(folder.path)
  try {
    const early = pairings.open(request, 0)
    const late = pairings.open(request, 0)
    setSystemTime(new Date('2001-01-01'))
    expect(await pairings.claim({ code: early.code }, here, 59_999)).toMatchObject({ kind: 'device' })
    const gone = pairings.claim({ code: late.code }, here, 60_000)
    await expect(gone).rejects.toMatchObject({ code: 'pairing_not_found' })
    const next = pairings.open(request, 60_000)
    setSystemTime(new Date('2101-01-01'))
    expect(await pairings.claim({ code: next.code }, here, 60_001)).toMatchObject({ kind: 'device' })
  } finally {
    setSystemTime()
  }
})

testInProcess('a claimed pairing is listed for ten minutes, and no more than twenty of them', async () => {
  await using folder = await temporaryFolder()
  const { pairings } = await pairingsIn(folder.path)
  const ids: string[] = []
  for (let n = 0; n < 22; n++) {
    const { id, code } = pairings.open(request, n)
    ids.push(id)
    await pairings.claim({ code }, here, n)
  }
  expect(pairings.list(100).map(({ id }) => id)).toEqual(ids.slice(2))
  expect(pairings.list(100 + 10 * 60_000)).toEqual([])
})

testInProcess('pauses double up to a minute, also for the right code, and only there', async () => {
  await using folder = await temporaryFolder()
  const { pairings } = await pairingsIn(folder.path)
  const wrong = (nowMs: number) => pairings.claim({ code: 'wrong' }, here, nowMs)
  let nowMs = 0
  for (let guess = 0; guess < 10; guess++)
    await expect(wrong(nowMs)).rejects.toMatchObject({ code: 'pairing_not_found' })
  for (const pauseMs of [1, 2, 4, 8, 16, 32, 60, 60].map(seconds => seconds * 1000)) {
    await expect(wrong(nowMs)).rejects.toMatchObject({ code: 'pairing_not_found' })
    await expect(wrong(nowMs + pauseMs - 1)).rejects.toMatchObject({ code: 'too_many_attempts' })
    nowMs += pauseMs
  }
  const { code } = pairings.open(request, nowMs)
  await expect(wrong(nowMs)).rejects.toMatchObject({ code: 'pairing_not_found' })
  await expect(pairings.claim({ code }, here, nowMs)).rejects.toMatchObject({ code: 'too_many_attempts' })
  expect(await pairings.claim({ code }, { address: '192.0.2.2' }, nowMs)).toMatchObject({ kind: 'device' })
})

testInProcess('a code whose token could not be made stays good', async () => {
  await using folder = await temporaryFolder()
  const { pairings, tokens } = await pairingsIn(folder.path)
  const { code } = pairings.open(request, 0)
  const path = join(folder.path, 'tokens.json')
  await mkdir(path) // where the file should be
  await expect(pairings.claim({ code }, here, 1)).rejects.toMatchObject({ code: 'token_store_unusable' })
  await rmdir(path)
  const { id } = await pairings.claim({ code }, here, 2)
  expect((await tokens.list()).map(token => token.id)).toEqual([id])
})

test('who made, claimed and took back credentials is written down, without the credentials', async () => {
  await using server = await startServer()
  const { id, code } = await open(server, { label: 'phone' })
  const { id: cancelled } = await open(server)
  await server.call(`/pairings/${cancelled}`, { method: 'DELETE', headers: asHost })
  const device = issuedToken.parse(await (await claim(server, { code })).json())
  const { token } = issuedToken.parse(await (await server.post(`/tokens/${device.id}/rotate`, asHost)).json())
  await server.call(`/tokens/${device.id}`, { method: 'DELETE', headers: asHost })
  await claim(server, { code })

  const text = await readFile(join(server.settings.dataDir, 'audit', '_server.jsonl'), 'utf8')
  const entries = text
    .trimEnd()
    .split('\n')
    .map(line => auditEntry.parse(JSON.parse(line)))
  expect(entries.map(({ action, target, actor }) => [action, target, actor.type])).toEqual([
    ['pairing.create', id, 'host'],
    ['pairing.create', cancelled, 'host'],
    ['pairing.cancel', cancelled, 'host'],
    ['pairing.claim', device.id, 'remote'],
    ['token.rotate', device.id, 'host'],
    ['token.revoke', device.id, 'host'],
  ])
  for (const secret of [code, device.token, token]) expect(text).not.toContain(secret)
})
