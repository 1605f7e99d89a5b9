import { describe, expect, test } from 'bun:test'
import { networkInterfaces } from 'node:os'
import { failureOf, LIMIT_MS, newMoodyWorld, newWorld, type RunningHost, testUnless } from './harness.ts'

/** An address of this machine that other machines use. */
const outside = Object.values(networkInterfaces())
  .flatMap(addresses => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address
const noOutside = outside ? undefined : 'this machine has no address but loopback'

/** Whether somebody answers there. */
const answers = (address: string | undefined, port: number, path: string): Promise<boolean> =>
  fetch(`http://${address}:${port}${path}`, { signal: AbortSignal.timeout(LIMIT_MS) })
    .then(response => response.status > 0)
    .catch((error: Error) => {
      if (error.name === 'TimeoutError') throw error
      return false
    })

/** The status of a request under this name, and the code of its failure. */
async function askAs(host: RunningHost, name: string) {
  const response = await host.request('/workspaces', { headers: { host: name } })
  const { code } = (await response.json()) as { code?: string }
  return { status: response.status, code }
}

describe('a host', () => {
  testUnless(noOutside)('is reached by nobody else', async () => {
    await using world = await newMoodyWorld('')
    const { openwork, opencode } = (await world.serve()).document

    expect(openwork.host).toBe('127.0.0.1')
    expect(await answers('127.0.0.1', openwork.port, '/health')).toBe(true)
    expect(await answers(outside, openwork.port, '/health')).toBe(false)
    expect(await answers(outside, opencode.port, '/global/health')).toBe(false)
  })

  test('answers to no name but those of loopback', async () => {
    await using world = await newMoodyWorld('')
    const host = await world.serve()

    expect(await askAs(host, 'localhost:8787')).toMatchObject({ status: 200 })
    expect(await askAs(host, 'evil.example')).toEqual({ status: 403, code: 'host_not_allowed' })
  })
})

describe('--remote-access', () => {
  testUnless(noOutside)(
    'opens the server to other machines, says how to reach it, and leaves opencode closed',
    async () => {
      await using world = await newWorld()
      const host = await world.serve(['--remote-access'])
      const { openwork, opencode } = host.document

      expect(openwork.host).toBe('0.0.0.0')
      expect(openwork.baseUrl).toBe(`http://127.0.0.1:${openwork.port}`)
      expect(await answers(outside, openwork.port, '/health')).toBe(true)
      expect(await answers(outside, opencode.port, '/global/health')).toBe(false)
      expect(host.text('stderr')).toMatch(/WARN remote access is on/)
      const unpaired = await host.request('/workspaces', { headers: { authorization: '' } })
      expect(unpaired.status).toBe(401)
    },
  )

  test('with --connect-host gives that name for pairing, and answers to it but not to foreign ones', async () => {
    await using world = await newMoodyWorld('')
    const host = await world.serve(['--remote-access', '--connect-host', 'box.example'])
    const { port, connectUrl } = host.document.openwork

    expect(connectUrl).toBe(`http://box.example:${port}`)
    expect(await askAs(host, `box.example:${port}`)).toMatchObject({ status: 200 })
    expect(await askAs(host, 'evil.example')).toEqual({ status: 403, code: 'host_not_allowed' })
  })

  test('is what --connect-host needs', async () => {
    await using world = await newWorld()

    expect(await failureOf(world, ['serve', '--connect-host', 'box.example'])).toMatchObject({
      code: 'flags_conflict',
      error: expect.stringContaining('--remote-access'),
    })
  })
})

describe('--openwork-host', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
  ])('%s listens on %s', async (given, bound) => {
    await using world = await newMoodyWorld('')

    expect((await world.serve(['--openwork-host', given])).document.openwork.host).toBe(bound)
  })

  test('takes no other address: --remote-access is the only way out', async () => {
    await using world = await newWorld()

    expect(await failureOf(world, ['serve', '--openwork-host', '192.0.2.1'])).toMatchObject({
      code: 'invalid_value',
      exitCode: 2,
      error: expect.stringContaining('192.0.2.1'),
    })
  })
})

describe('--cors', () => {
  const page = 'https://app.example'
  const foreign = 'https://evil.example'

  test('lets the pages named read and change, and no others', async () => {
    await using world = await newMoodyWorld('')
    const host = await world.serve(['--cors', `${page},https://other.example`])
    const allowed = async (origin: string): Promise<string | null> =>
      (await host.request('/workspaces', { headers: { origin } })).headers.get('access-control-allow-origin')

    expect(await allowed(page)).toBe(page)
    expect(await allowed('https://other.example')).toBe('https://other.example')
    expect(await allowed(foreign)).toBeNull()
    const preflight = await host.request('/workspaces', {
      method: 'OPTIONS',
      headers: { authorization: '', origin: page, 'access-control-request-method': 'POST' },
    })
    expect(preflight.ok).toBe(true)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization')
    const change = (origin: string) => host.post('/opencode/session', {}, { headers: { origin } })
    expect((await change(page)).status).toBe(200)
    expect((await change(foreign)).status).toBe(403)
  })

  test('left out lets no page read anything', async () => {
    await using world = await newMoodyWorld('')
    const host = await world.serve()

    const answer = await host.request('/workspaces', { headers: { origin: page } })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    const change = await host.post('/opencode/session', {}, { headers: { origin: page } })
    expect(await change.json()).toMatchObject({ code: 'origin_not_allowed' })
  })
})
