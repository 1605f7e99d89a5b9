import { expect, test } from 'bun:test'
import { failureOf } from './failure-of.ts'
import { startApi } from './start-api.ts'

type Recorded = { method: string; path: string; authorization: string | null; headers: string }

/** Another machine's opencode, as far as it is asked here; what it was sent is kept. */
function startRemote(answer: (request: Request) => Response | undefined = () => undefined) {
  const seen: Recorded[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const url = new URL(request.url)
      const authorization = request.headers.get('authorization')
      const headers = JSON.stringify([...request.headers])
      seen.push({ method: request.method, path: `${url.pathname}${url.search}`, authorization, headers })
      const other = answer(request)
      if (other) return other
      if (url.pathname === '/path')
        return Response.json({ home: '/h', state: '/s', config: '/c', worktree: '/', directory: '/srv', extra: 1 })
      return Response.json(true)
    },
  })
  return {
    seen,
    url: `http://127.0.0.1:${server.port}`,
    host: `127.0.0.1:${server.port}`,
    [Symbol.dispose]: () => server.stop(true),
  }
}

test('a remote workspace is asked at its own address, with its own credentials', async () => {
  await using daemon = await startApi()
  using remote = startRemote()
  await daemon.client.addRemote({
    baseUrl: remote.url,
    directory: '/srv/a b',
    name: 'box',
    username: 'me',
    password: 'hunter22',
  })
  expect((await daemon.client.path('box')).path).toMatchObject({ directory: '/srv', extra: 1 })
  expect(await daemon.client.dispose('box')).toBe(true)
  const authorization = `Basic ${Buffer.from('me:hunter22').toString('base64')}`
  expect(remote.seen).toMatchObject([
    { method: 'GET', path: '/path?directory=%2Fsrv%2Fa+b', authorization },
    { method: 'POST', path: '/instance/dispose?directory=%2Fsrv%2Fa+b', authorization },
  ])
  // Nor does anything of ours come along.
  expect(remote.seen.map(({ headers }) => headers).join()).not.toContain(daemon.token.reveal())
  const shown = JSON.stringify([await daemon.client.workspaces(), await daemon.client.workspace('box'), daemon.lines])
  expect(shown).not.toContain('hunter22')
})

test('one without credentials is sent none', async () => {
  await using daemon = await startApi()
  using remote = startRemote()
  await daemon.client.addRemote({ baseUrl: remote.url, name: 'box' })
  await daemon.client.path('box')
  expect(remote.seen).toMatchObject([{ path: '/path', authorization: null }])
})

test('a redirect is not followed: credentials go to the address they were given for', async () => {
  await using daemon = await startApi()
  using other = startRemote()
  using remote = startRemote(() => Response.redirect(`${other.url}/path`, 307))
  await daemon.client.addRemote({ baseUrl: remote.url, name: 'box', username: 'me', password: 'hunter22' })
  expect((await failureOf(daemon.client.path('box'))).code).toBe('opencode_invalid_answer')
  expect((await failureOf(daemon.client.dispose('box'))).code).toBe('opencode_invalid_answer')
  expect(other.seen).toEqual([])
})

test('what is wrong over there is said, without what it answered', async () => {
  await using daemon = await startApi()
  using remote = startRemote(() => new Response('no, hunter22', { status: 401 }))
  const added = await daemon.client.addRemote({ baseUrl: `http://me:hunter22@${remote.host}/`, name: 'box' })
  expect(added.workspace.baseUrl).toBe(remote.url)
  const refused = await failureOf(daemon.client.path('box'))
  expect(refused.message).toContain('401')
  expect(refused.message).toContain('user name and password')
  expect(JSON.stringify([refused.message, refused.details])).not.toContain('hunter22')

  using endless = startRemote(() => new Response('x'.repeat(2_000_000)))
  await daemon.client.addRemote({ baseUrl: endless.url, name: 'endless' })
  const tooLong = await failureOf(daemon.client.path('endless'))
  expect([tooLong.code, tooLong.message]).toEqual(['opencode_invalid_answer', expect.stringContaining('longer than')])

  using gone = startRemote()
  gone[Symbol.dispose]()
  await daemon.client.addRemote({ baseUrl: gone.url, name: 'gone' })
  expect((await failureOf(daemon.client.path('gone'))).code).toBe('opencode_unreachable')
})
