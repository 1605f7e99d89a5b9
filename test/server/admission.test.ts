import { expect, test } from 'bun:test'
import { request } from 'node:http'
import { Attempts } from '../../src/server/attempts.ts'
import { asClient, asHost, CLIENT_TOKEN, HOST_TOKEN, startServer, testInProcess } from './start-server.ts'

const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code: string }).code

test('a client route takes every kind of credential', async () => {
  await using server = await startServer()
  const credentials: Record<string, string>[] = [
    asClient,
    asHost,
    { authorization: `bearer   ${CLIENT_TOKEN}` },
    await server.tokenOf('viewer'),
    await server.tokenOf('owner'),
    { ...asClient, 'x-openwork-host-token': 'wrong' },
  ]
  for (const headers of credentials) expect((await server.call('/whoami', { headers })).status).toBe(200)
})

test('a client route refuses what is no credential', async () => {
  await using server = await startServer()
  const credentials: Record<string, string>[] = [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: CLIENT_TOKEN },
    { authorization: `Basic ${btoa(`x:${CLIENT_TOKEN}`)}` },
    { authorization: `Bearer ${HOST_TOKEN}` },
    { 'x-openwork-host-token': CLIENT_TOKEN },
    { authorization: 'Bearer ' },
  ]
  for (const headers of credentials) {
    const response = await server.call('/whoami', { headers })
    expect([headers, response.status, await codeOf(response)]).toEqual([headers, 401, 'unauthorized'])
  }
})

test('a host route takes the host token and owner tokens only', async () => {
  await using server = await startServer()
  expect((await server.call('/tokens', { headers: asHost })).status).toBe(200)
  expect((await server.call('/tokens', { headers: await server.tokenOf('owner') })).status).toBe(200)
  for (const headers of [asClient, await server.tokenOf('viewer'), await server.tokenOf('collaborator')])
    expect((await server.call('/tokens', { headers })).status).toBe(401)
})

test('blank tokens in the settings are replaced by generated ones', async () => {
  await using server = await startServer({ env: { OPENWORK_TOKEN: ' ', OPENWORK_HOST_TOKEN: '' } })
  expect(server.settings.clientToken.source).toBe('generated')
  expect((await server.call('/whoami', { headers: { authorization: 'Bearer ' } })).status).toBe(401)
  expect((await server.call('/tokens', { headers: { 'x-openwork-host-token': '' } })).status).toBe(401)
  const headers = { 'x-openwork-host-token': server.settings.hostToken.value.reveal() }
  expect((await server.call('/tokens', { headers })).status).toBe(200)
})

test('guessing is slowed down, while a client that is known goes on', async () => {
  await using server = await startServer()
  expect((await server.call('/whoami', { headers: asClient })).status).toBe(200)
  const guess = (n: number): Promise<Response> =>
    server.call('/whoami', { headers: { authorization: `Bearer guess-${n}` } })
  const statuses: number[] = []
  for (let n = 0; n < 12; n += 1) statuses.push((await guess(n)).status)
  expect(statuses.slice(0, 11)).toEqual(Array.from({ length: 11 }, () => 401))
  const refused = await guess(99)
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(await codeOf(refused)).toBe('too_many_attempts')
  expect((await server.call('/whoami', { headers: asClient })).status).toBe(200)
  expect((await server.call('/tokens', { headers: asHost })).status).toBe(429) // right, but never seen from there
})

test('a right token too long to be found by trying never waits for the guesses of others', async () => {
  const hostToken = 'f'.repeat(32)
  await using server = await startServer({ env: { OPENWORK_HOST_TOKEN: hostToken } })
  const statuses: number[] = []
  for (let n = 0; n < 13; n += 1)
    statuses.push((await server.call('/whoami', { headers: { authorization: `Bearer guess-${n}` } })).status)
  expect(statuses.at(-1)).toBe(429)
  const answer = await server.call('/tokens', { headers: { 'x-openwork-host-token': hostToken } })
  expect(answer.status).toBe(200)
})

testInProcess('pauses double up to a minute and end', () => {
  const attempts = new Attempts()
  const from = { address: '203.0.113.9' }
  const allowed = (nowMs: number): boolean => {
    try {
      attempts.check(from, 'hash', nowMs)
      return true
    } catch {
      return false
    }
  }
  for (let n = 0; n < 11; n += 1) attempts.failed(from, 0)
  expect([allowed(999), allowed(1000)]).toEqual([false, true])
  attempts.failed(from, 1000)
  expect([allowed(2999), allowed(3000)]).toEqual([false, true])
  for (let n = 0; n < 20; n += 1) attempts.failed(from, 3000)
  expect([allowed(62_999), allowed(63_000)]).toEqual([false, true])
  attempts.failed(from, 63_000 + 6 * 60_000) // long after: forgotten
  expect(allowed(63_000 + 6 * 60_000)).toBe(true)
})

testInProcess('all addresses of one IPv6 subscriber are one', () => {
  const attempts = new Attempts()
  for (let n = 0; n < 11; n += 1) attempts.failed({ address: `2001:db8:1:2::${n + 1}` }, 0)
  expect(() => attempts.check({ address: '2001:db8:1:2:ffff::1' }, 'hash', 1)).toThrow('Too many wrong credentials')
  expect(() => attempts.check({ address: '2001:db8:1:3::1' }, 'hash', 1)).not.toThrow()
})

test('read-only mode still issues and revokes tokens, so that a host can start', async () => {
  await using server = await startServer({ flags: ['--read-only'] })
  const response = await server.post('/tokens', asHost, { scope: 'owner', label: 'host' })
  expect(response.status).toBe(201)
  const { id } = (await response.json()) as { id: string }
  expect((await server.call(`/tokens/${id}`, { method: 'DELETE', headers: asHost })).status).toBe(200)
})

/** A request with its Host header as given; `fetch` cannot leave it out. */
function statusWithHost(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${url}/health`, { headers: { host } }, response => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('a page cannot reach the server under a name of its own (DNS rebinding)', async () => {
  await using server = await startServer({ env: { OPENWORK_ALLOWED_HOSTS: 'agent.example.org;box' } })
  for (const host of [
    'localhost',
    'localhost:8787',
    '127.0.0.1:1',
    '[::1]:8787',
    '192.168.1.7',
    'app.localhost',
    'Agent.Example.ORG.:443',
    'box',
  ])
    expect([host, await statusWithHost(server.url, host)]).toEqual([host, 200])
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'example.org',
    '127.0.0.1@evil.example',
  ])
    expect([host, await statusWithHost(server.url, host)]).toEqual([host, 403])
  const response = await server.call('/health', { headers: { host: 'evil.example' } })
  expect(await codeOf(response)).toBe('host_not_allowed')
})

test('a page of another origin may not change anything, whatever it knows', async () => {
  await using server = await startServer()
  const post = (origin: string): Promise<Response> => server.post('/tokens', { ...asHost, origin }, { scope: 'viewer' })
  for (const origin of ['https://evil.example', 'null', `${server.url}.evil.example`, 'http://127.0.0.1:1']) {
    const response = await post(origin)
    expect([origin, response.status, await codeOf(response)]).toEqual([origin, 403, 'origin_not_allowed'])
  }
  expect((await post(server.url)).status).toBe(201)
  expect((await server.call('/health', { headers: { origin: 'https://evil.example' } })).status).toBe(200)
})

test('without --cors no page may read an answer', async () => {
  await using server = await startServer()
  const response = await server.call('/health', { headers: { origin: 'https://app.example' } })
  expect([...response.headers.keys()].filter(name => name.startsWith('access-control-'))).toEqual([])
})

test('a listed origin may read, change and ask beforehand', async () => {
  const origin = 'https://app.example'
  await using server = await startServer({ flags: ['--cors', `${origin}/,https://other.example`] })
  const preflight = await server.call('/anything', { method: 'OPTIONS', headers: { origin } })
  expect([preflight.status, await preflight.text()]).toEqual([204, ''])
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
  expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH')
  expect(preflight.headers.get('access-control-allow-headers')).toContain('X-OpenWork-Host-Token')
  expect(preflight.headers.get('vary')).toBe('Origin')
  const created = await server.post('/tokens', { ...asHost, origin }, { scope: 'viewer' })
  expect([created.status, created.headers.get('access-control-allow-origin')]).toEqual([201, origin])
  const refused = await server.call('/status', { headers: { origin } })
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin])
  const stranger = await server.call('/health', { headers: { origin: 'https://evil.example' } })
  expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
})

test('`*` lets every page in, never with credentials', async () => {
  await using server = await startServer({ flags: ['--cors', '*'] })
  const response = await server.post('/tokens', { ...asHost, origin: 'https://any.example' }, { scope: 'viewer' })
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([201, '*'])
  expect(response.headers.get('access-control-allow-credentials')).toBeNull()
})

test('malformed and hostile paths are answered in JSON', async () => {
  await using server = await startServer()
  for (const path of ['/%zz', '/w/%E0%A4%A/status', '/opencode/%', '/tokens/%ff']) {
    const response = await server.call(path, { headers: asHost })
    expect([path, response.status, await codeOf(response)]).toEqual([path, 400, 'invalid_path'])
  }
  for (const path of ['/w/..%2f..%2fetc/status', '/w/%00/status', `/w/${'a'.repeat(4000)}/status`]) {
    const response = await server.call(path, { headers: asHost })
    expect([path, response.status, await codeOf(response)]).toEqual([path, 404, 'workspace_not_found'])
  }
})

test('bodies that are not what was asked for are refused with a reason', async () => {
  await using server = await startServer()
  const post = async (body: string | undefined): Promise<unknown> => {
    const response = await server.call('/tokens', {
      method: 'POST',
      headers: asHost,
      ...(body !== undefined && { body }),
    })
    return [response.status, await codeOf(response)]
  }
  expect(await post(undefined)).toEqual([400, 'invalid_json'])
  expect(await post('{')).toEqual([400, 'invalid_json'])
  expect(await post('null')).toEqual([400, 'invalid_payload'])
  expect(await post('[]')).toEqual([400, 'invalid_payload'])
  expect(await post('{}')).toEqual([400, 'invalid_scope'])
  expect(await post('{"scope":"root"}')).toEqual([400, 'invalid_scope'])
  expect(await post('{"scope":"viewer","label":7}')).toEqual([400, 'invalid_payload'])
  expect(await post(`{"scope":"viewer","label":"${'x'.repeat(2_000_000)}"}`)).toEqual([413, 'body_too_large'])
})

test('a chunked body that grows too large is refused while it arrives', async () => {
  await using server = await startServer()
  const chunk = new Uint8Array(256 * 1024)
  let sent = 0
  const body = new ReadableStream({
    pull(controller) {
      sent += 1
      if (sent > 8) controller.close()
      else controller.enqueue(chunk)
    },
  })
  const response = await server.call('/tokens', { method: 'POST', headers: asHost, body })
  expect([response.status, await codeOf(response)]).toEqual([413, 'body_too_large'])
})
