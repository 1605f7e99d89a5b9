import { expect, test } from 'bun:test'
import { requestHolds } from '../../src/orchestrator/request-holds.ts'
import { Log } from '../../src/shared/log.ts'
import { Redactor } from '../../src/shared/redact.ts'
import { asClient, HOST_TOKEN, startServer } from '../server/start-server.ts'
import { serverOf, startUpstream } from '../server/upstream.ts'

function debugLog(): { log: Log; lines: string[] } {
  const lines: string[] = []
  const log = new Log({
    format: 'pretty',
    color: false,
    runId: 'run',
    serviceName: 'test',
    serviceVersion: '0',
    minimum: 'debug',
    redactor: new Redactor(),
    write: line => lines.push(line),
  })
  return { log, lines }
}

test('requests wait as long as they are held', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const { log, lines } = debugLog()
  const hold = requestHolds({ baseUrl: server.url, hostToken: HOST_TOKEN }, log)
  const held = await hold([server.workspace])
  expect(held?.openRequests).toBe(0)
  const request = server.call('/opencode/a', { headers: asClient })
  for (let count = 0; count < 3; count += 1) await server.call('/health')
  expect(upstream.seen).toEqual([])
  await held?.[Symbol.asyncDispose]()
  expect((await request).status).toBe(200)
  expect(lines).toEqual([])
})

test('a server that is gone or knows of no holds is no reason not to go on, and that is told once', async () => {
  await using older = startUpstream(() => Response.json({ code: 'not_found', message: 'No' }, { status: 404 }))
  const server = await startServer()
  await server.stop()
  for (const baseUrl of [older.url, server.url]) {
    const { log, lines } = debugLog()
    const hold = requestHolds({ baseUrl, hostToken: HOST_TOKEN }, log)
    expect(await hold()).toBeUndefined()
    expect(await hold(['/w'])).toBeUndefined()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('does not let requests wait')
  }
  await server[Symbol.asyncDispose]()
})

test('a server that goes while it holds ends the hold', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const { log, lines } = debugLog()
  const held = await requestHolds({ baseUrl: server.url, hostToken: HOST_TOKEN }, log)()
  await server.stop()
  await held?.[Symbol.asyncDispose]()
  expect(lines).toHaveLength(1)
})

test('a hold that is about to end holds back whoever relied on it', async () => {
  await using upstream = startUpstream()
  await using server = await serverOf(upstream.url)
  const aboutToEndMs = 60_000
  const hold = requestHolds({ baseUrl: server.url, hostToken: HOST_TOKEN }, debugLog().log, aboutToEndMs)
  await using held = await hold([server.workspace])
  expect(held?.openRequests).toBe(1)
})
