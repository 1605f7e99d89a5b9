import { expect, test } from 'bun:test'
import { openworkClient } from '../../src/api/openwork-client.ts'
import { secret } from '../../src/shared/secret.ts'
import { VERSION } from '../../src/shared/version.ts'
import { CLIENT_TOKEN, HOST_TOKEN, startServer } from '../server/start-server.ts'

const timeoutMs = 5_000

test('every call of the client is understood by the server, and its answer by the client', async () => {
  await using server = await startServer()
  const client = openworkClient({ baseUrl: `${server.url}/`, token: secret(CLIENT_TOKEN), timeoutMs })
  expect((await client.health()).version).toBe(VERSION)
  expect((await client.status()).workspaceCount).toBe(1)
  expect(await client.whoami()).toMatchObject({ type: 'remote', scope: 'collaborator' })
  expect(await client.workspaces()).toMatchObject({ activeId: server.workspaceId, items: [{ path: server.workspace }] })

  const host = openworkClient({ baseUrl: server.url, hostToken: secret(HOST_TOKEN), timeoutMs })
  const issued = await host.createToken({ scope: 'owner', label: 'laptop' })
  expect((await host.listTokens()).map(({ id, label }) => [id, label])).toEqual([[issued.id, 'laptop']])
  const owner = openworkClient({ baseUrl: server.url, token: issued.token, timeoutMs })
  await owner.revokeToken(issued.id)
  expect(await host.listTokens()).toEqual([])
})

test('devices are paired through the client', async () => {
  await using server = await startServer()
  const host = openworkClient({ baseUrl: server.url, hostToken: HOST_TOKEN, timeoutMs })
  const [opened, other] = [await host.openPairing({}), await host.openPairing({ scope: 'viewer' })]
  await host.cancelPairing(other.id)
  const device = await openworkClient({ baseUrl: server.url, timeoutMs }).claimPairing({
    code: opened.code,
    label: 'x',
  })
  expect(await host.listPairings()).toMatchObject([{ id: opened.id, status: 'claimed', tokenId: device.id }])
  const { token } = await host.rotateToken(device.id)
  expect((await openworkClient({ baseUrl: server.url, token, timeoutMs }).whoami()).scope).toBe('collaborator')
})

test('a workspace’s mount serves as base URL', async () => {
  await using server = await startServer()
  const client = openworkClient({ baseUrl: `${server.url}/w/${server.workspaceId}`, token: CLIENT_TOKEN, timeoutMs })
  expect((await client.workspaces()).activeId).toBe(server.workspaceId)
  expect((await client.whoami()).scope).toBe('collaborator')
})

test('the server’s refusals keep their code, status and message', async () => {
  await using server = await startServer()
  const stranger = openworkClient({ baseUrl: server.url, token: 'wrong', timeoutMs })
  await expect(stranger.status()).rejects.toMatchObject({
    name: 'OpenworkError',
    code: 'unauthorized',
    message: 'A token is required',
    details: { status: 401, code: 'unauthorized' },
  })
  const host = openworkClient({ baseUrl: server.url, hostToken: HOST_TOKEN, timeoutMs })
  await expect(host.revokeToken('a/b?c')).rejects.toMatchObject({
    code: 'token_not_found',
    message: 'No token has the id "a/b?c"',
  })
})

/** Something else than our server. */
function startOther(answer: () => Response | Promise<Response>) {
  const other = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer })
  return { url: `http://127.0.0.1:${other.port}`, [Symbol.asyncDispose]: () => other.stop(true) }
}

const healthOf = (baseUrl: string, limitMs = timeoutMs) => openworkClient({ baseUrl, timeoutMs: limitMs }).health()

test('codes of newer servers are passed on in the details', async () => {
  await using newer = startOther(() => Response.json({ code: 'of_tomorrow', message: 'Not today' }, { status: 409 }))
  await expect(healthOf(newer.url)).rejects.toMatchObject({
    code: 'request_refused',
    message: 'Not today',
    details: { status: 409, code: 'of_tomorrow' },
  })
})

test('what is no openwork-server is told apart', async () => {
  await using page = startOther(() => new Response('<html>'))
  await expect(healthOf(page.url)).rejects.toMatchObject({ code: 'server_invalid_answer', details: { status: 200 } })
  await using broken = startOther(() => new Response('<html>', { status: 502 }))
  await expect(healthOf(broken.url)).rejects.toMatchObject({ code: 'request_refused', details: { status: 502 } })
  await using elsewhere = startOther(() => Response.redirect('http://127.0.0.1:1/', 302))
  await expect(healthOf(elsewhere.url)).rejects.toMatchObject({ code: 'request_refused', details: { status: 302 } })
})

test('a server that does not answer costs no more than the limit', async () => {
  await using silent = startOther(() => new Promise<Response>(() => {}))
  await expect(healthOf(silent.url, 50)).rejects.toMatchObject({
    code: 'server_unreachable',
    message: `Cannot reach ${silent.url}/health: no answer within 50 ms`,
  })
})

test('nobody listening, and a URL that is none, each have their code', async () => {
  const closed = startOther(() => new Response())
  await closed[Symbol.asyncDispose]()
  await expect(healthOf(closed.url)).rejects.toMatchObject({
    code: 'server_unreachable',
    details: { url: `${closed.url}/health` },
  })
  await expect(healthOf('localhost:8787')).rejects.toMatchObject({ code: 'invalid_value' })
  await expect(healthOf('')).rejects.toMatchObject({ code: 'invalid_value' })
})

test('a proxy of the user’s environment is not asked for what is on this machine', async () => {
  await using server = await startServer()
  const script = `
    const { openworkClient } = await import(${JSON.stringify(`${import.meta.dir}/../../src/api/openwork-client.ts`)})
    const { version } = await openworkClient({ baseUrl: ${JSON.stringify(server.url)}, timeoutMs: 4000 }).health()
    process.stdout.write(version)`
  const child = Bun.spawn([process.execPath, '-e', script], {
    env: { PATH: process.env.PATH, HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1' },
    stdout: 'pipe',
  })
  expect(await new Response(child.stdout).text()).toBe(VERSION)
})

test('an answer without end is cut off, whatever its status', async () => {
  const mebibyte = new Uint8Array(1024 * 1024).fill(0x20)
  for (const status of [200, 404]) {
    const left = Promise.withResolvers<void>()
    const endless = () =>
      new ReadableStream({ pull: controller => controller.enqueue(mebibyte), cancel: () => left.resolve() })
    await using server = startOther(() => new Response(endless(), { status }))
    await expect(healthOf(server.url, 60_000)).rejects.toMatchObject({
      code: 'server_invalid_answer',
      details: { url: `${server.url}/health`, status },
    })
    await left.promise
  }
})
