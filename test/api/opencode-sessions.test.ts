import { expect, test } from 'bun:test'
import { opencodeSessions } from '../../src/api/opencode-sessions.ts'
import { secret } from '../../src/shared/secret.ts'

const session = (id: string, parentID?: string) => ({
  id,
  title: `of ${id}`,
  directory: '/w',
  ...(parentID !== undefined && { parentID }),
  time: { created: 1, updated: 2 },
})

test('what a session has begun for a part of its work counts for it, and is not listed', async () => {
  const answers: Record<string, unknown> = {
    '/session': [session('a'), session('a1', 'a'), session('a2', 'a1'), session('b'), session('b1', 'b'), session('c')],
    '/session/status': { a: { type: 'busy' }, b1: { type: 'retry' }, c: { type: 'idle' } },
    '/permission': [{ id: 'per_1', sessionID: 'a2' }],
    '/question': [],
  }
  const asked: string[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const { pathname, search } = new URL(request.url)
      asked.push(`${pathname}${search}`)
      return Response.json(answers[pathname] ?? null)
    },
  })
  const opencode = {
    baseUrl: `http://127.0.0.1:${server.port}`,
    username: secret('user'),
    password: secret('password'),
  }

  expect((await opencodeSessions(opencode, '/w')).map(({ id, state }) => [id, state])).toEqual([
    ['a', 'waiting'],
    ['b', 'busy'],
    ['c', 'idle'],
  ])
  expect(asked).toContain('/session?limit=200&directory=%2Fw')
  await server.stop(true)
})
