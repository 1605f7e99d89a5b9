import { describe, expect, test } from 'bun:test'
import { parseHeartbeat, startHeartbeat } from '../../src/orchestrator/heartbeat.ts'
import type { HostPlan } from '../../src/orchestrator/plan.ts'
import { secret } from '../../src/shared/secret.ts'
import { listeningLog } from '../fixtures/listening-log.ts'

const ASKED = {
  DEN_ACTIVITY_HEARTBEAT_ENABLED: 'yes',
  DEN_RUNTIME_PROVIDER: 'daytona',
  DEN_WORKER_ID: 'w1',
  DEN_ACTIVITY_HEARTBEAT_URL: 'https://platform.example/beat',
  DEN_ACTIVITY_HEARTBEAT_TOKEN: 'beat-token',
}

describe('the heartbeat', () => {
  test('is off unless everything it needs is set', () => {
    for (const name of Object.keys(ASKED)) expect(parseHeartbeat({ ...ASKED, [name]: undefined })).toBeUndefined()
  })

  test('has the documented intervals, also when they are no numbers', () => {
    expect(parseHeartbeat(ASKED)).toMatchObject({ intervalMs: 300_000, activeWindowMs: 300_000 })
    expect(parseHeartbeat({ ...ASKED, DEN_ACTIVITY_WINDOW_SECONDS: '60' })?.activeWindowMs).toBe(60_000)
    expect(parseHeartbeat({ ...ASKED, DEN_ACTIVITY_WINDOW_SECONDS: '-1' })?.activeWindowMs).toBe(300_000)
  })

  test('tells the platform when the agent was last active', async () => {
    const updated = Date.now()
    const received = Promise.withResolvers<{ authorization: string | null; body: unknown }>()
    await using server = testServer(async request => {
      if (request.method === 'GET') return Response.json([{ time: { created: 1, updated } }, { time: { created: 2 } }])
      received.resolve({ authorization: request.headers.get('authorization'), body: await request.json() })
      return new Response()
    })
    const options = parseHeartbeat({ ...ASKED, DEN_ACTIVITY_HEARTBEAT_URL: `${server.url}beat` })
    if (!options) throw new Error('not asked for')

    const heartbeat = startHeartbeat(options, planAt(server.url), listeningLog().log)
    const { authorization, body } = await received.promise
    heartbeat.stop()

    expect(authorization).toBe('Bearer beat-token')
    expect(body).toEqual({
      sentAt: expect.any(String),
      isActiveRecently: true,
      lastActivityAt: new Date(updated).toISOString(),
      openSessionCount: 2,
    })
  })
})

function testServer(fetch: (request: Request) => Response | Promise<Response>) {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch })
  return { url: server.url.href, [Symbol.asyncDispose]: () => server.stop(true) }
}

const planAt = (url: string): HostPlan =>
  ({
    opencode: { baseUrl: url.replace(/\/$/, ''), username: secret('u'), password: secret('p') },
  }) as HostPlan
