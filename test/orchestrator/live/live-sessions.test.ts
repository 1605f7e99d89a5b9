import { expect, test } from 'bun:test'
import type { HostSession } from '../../../src/api/host.ts'
import { followSessions } from '../../../src/orchestrator/live/live-sessions.ts'
import type { Supervisor } from '../../../src/supervisor/supervisor.ts'
import { watchedLog } from '../watched-log.ts'
import { observed } from './observed.ts'

const session = { id: 'ses_1', title: 'One', directory: '/project', time: { updated: 42 } }

test('a session is shown at work once it is heard to begin, however late opencode answers then', async () => {
  const ended = new AbortController()
  const connected = Promise.withResolvers<void>()
  let send = (_event: object): void => {}
  let isSlow = false
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/global/event') {
        const body = new ReadableStream<string>({
          start(controller) {
            send = payload => controller.enqueue(`data: ${JSON.stringify({ directory: '/project', payload })}\n\n`)
            send({ type: 'server.connected', properties: {} })
            connected.resolve()
          },
        })
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
      }
      if (isSlow) await new Promise(resolve => ended.signal.addEventListener('abort', resolve))
      return Response.json(pathname === '/session' ? [session] : pathname === '/session/status' ? {} : [])
    },
  })
  const { host } = observed({
    run: { snapshot: () => [] } as unknown as Supervisor,
    log: watchedLog().log,
    opencodeUrl: `http://127.0.0.1:${server.port}`,
    reloads: () => ({
      statuses: () => [],
      reload: () => Promise.reject(new Error('nobody asks for it')),
      directories: async () => ['/project'],
      heldWork: () => Promise.reject(new Error('nobody asks for it')),
    }),
  })
  const seen: (HostSession['state'] | undefined)[] = []
  let onSeen = (): void => {}
  const until = (state: HostSession['state']) =>
    new Promise<void>(resolve => {
      onSeen = () => seen.at(-1) === state && resolve()
      onSeen()
    })
  const tell = (sessions: HostSession[] | null): void => {
    seen.push(sessions?.[0]?.state)
    onSeen()
  }
  const following = followSessions(host, tell, ended.signal)
  await Promise.all([until('idle'), connected.promise])
  isSlow = true
  send({ type: 'session.status', properties: { sessionID: 'ses_other', status: { type: 'busy' } } })
  send({ type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'idle' } } })
  send({ type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'busy' } } })
  await until('busy')
  expect(seen).not.toContain(undefined) // opencode was not asked in vain before
  ended.abort()
  await following
  await server.stop(true)
}, 20_000)
