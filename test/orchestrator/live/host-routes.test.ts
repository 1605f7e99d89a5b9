import { expect, test } from 'bun:test'
import type { HostEvent, HostSnapshot } from '../../../src/api/host.ts'
import { hostClient } from '../../../src/api/host-client.ts'
import type { EngineWork } from '../../../src/api/hot-reload.ts'
import { NO_WORK } from '../../../src/hot-reload/engine-work.ts'
import type { Reloads } from '../../../src/orchestrator/control-app.ts'
import { OpenworkError } from '../../../src/shared/errors.ts'
import { secret } from '../../../src/shared/secret.ts'
import { failureOf } from '../../daemon/failure-of.ts'
import { fixture, freePort, http, service } from '../../supervisor/support.ts'
import { hostControl } from './host-control.ts'
import { SECRETS } from './observed.ts'

const answering = async (name: string) => {
  const port = await freePort()
  return service(name, { argv: fixture('http-ok', String(port)), ready: http(port) })
}

const LIMIT_MS = 20_000

/** What is at work as `ask` says; whether new requests are held up, each time that changes. */
function heldReloads(ask: () => Promise<EngineWork>): { reloads: Reloads; held: boolean[] } {
  const held: boolean[] = []
  const reloads: Reloads = {
    statuses: () => [],
    reload: () => Promise.reject(new Error('nobody asks for it')),
    directories: async () => [],
    async heldWork() {
      const work = await ask()
      held.push(true)
      return {
        work,
        async [Symbol.asyncDispose]() {
          held.push(false)
        },
      }
    },
  }
  return { reloads, held }
}

/** The first that is meant, with all that came before. */
async function until(events: AsyncIterator<HostEvent>, isMeant: (event: HostEvent) => boolean): Promise<HostEvent[]> {
  const seen: HostEvent[] = []
  for (;;) {
    const { done, value } = await events.next()
    if (done) throw new Error('the events ended')
    seen.push(value)
    if (isMeant(value)) return seen
  }
}

const snapshotWith =
  (isMeant: (snapshot: HostSnapshot) => boolean) =>
  (event: HostEvent): boolean =>
    event.event === 'snapshot' && isMeant(event.data)

const stateIn = ({ services }: HostSnapshot, wanted: string) => services.find(({ name }) => name === wanted)

test('shows a host that starts, what a restart does to it, and its end', async () => {
  const { reloads } = heldReloads(async () => NO_WORK)
  const services = [await answering('opencode'), await answering('openwork-server')]
  await using it = await hostControl(services, { reloads: () => reloads })
  const signal = AbortSignal.timeout(LIMIT_MS)
  const events = it.client.events({ logs: 0, signal })[Symbol.asyncIterator]()

  const [first] = await until(events, () => true)
  expect(first).toMatchObject({
    event: 'snapshot',
    data: {
      runId: 'run',
      health: 'starting',
      approvals: null,
      sessions: null,
      services: [
        { name: 'openwork-orchestrator', state: 'starting', pid: process.pid },
        { name: 'opencode', state: 'ready', restarts: 0 },
        { name: 'openwork-server', state: 'ready' },
      ],
      connection: { attachCommand: 'openwork attach run', alternatives: [] },
      notices: ['port 8787 is in use'],
      workspaces: [{ name: 'project', path: '/project', isActive: true }],
    },
  })
  it.life.becomes('ready')
  await until(
    events,
    snapshotWith(({ health }) => health === 'ready'),
  )

  const before = stateIn(await it.client.snapshot(), 'openwork-server')
  const restarted = await it.client.restart('openwork-server', { force: false })
  expect(restarted).toMatchObject({ state: 'ready', restarts: 1 })
  expect(restarted.pid).not.toBe(before?.pid)
  await until(
    events,
    snapshotWith(found => stateIn(found, 'openwork-server')?.pid === restarted.pid),
  )
  await until(
    events,
    snapshotWith(({ services }) => services.every(({ usage }) => (usage?.memoryBytes.at(-1) ?? 0) > 0)),
  )

  await it.client.stop({ force: false })
  await it.host.life.stopAsked
  const ended = it.control.stop()
  await until(
    events,
    snapshotWith(({ health }) => health === 'stopping'),
  )
  expect((await failureOf(until(events, () => false))).code).toBe('server_unreachable')
  await ended
}, 60_000)

test('the log comes with what was there before, and what came too fast is counted', async () => {
  await using it = await hostControl([])
  for (let line = 1; line <= 20; line += 1) it.log.info(`line ${line}`, { line })
  it.log.for('opencode').childLine('\x1b[31mred\x1b[0m\tand\x07 ringing', { stream: 'stdout', pid: 1 })
  const signal = AbortSignal.timeout(LIMIT_MS)
  const events = it.client.events({ logs: 3, signal })[Symbol.asyncIterator]()

  const seen = await until(events, ({ event }) => event === 'log')
  expect(seen[0]?.event).toBe('snapshot')
  expect(seen.at(-1)?.data).toMatchObject({
    dropped: 0,
    entries: [
      { seq: 19, service: 'test', level: 'info', text: 'line 19 line=19' },
      { seq: 20 },
      { seq: 21, service: 'opencode', level: 'info', text: 'red and ringing' },
    ],
  })

  for (let line = 1; line <= 50_000; line += 1) it.log.info('burst')
  it.log.warn('the last one')
  const rest = await until(
    events,
    event => event.event === 'log' && event.data.entries.some(({ level }) => level === 'warn'),
  )
  const batches = rest.flatMap(event => (event.event === 'log' ? [event.data] : []))
  const entries = batches.flatMap(batch => batch.entries)
  const lastSeq = entries.at(-1)?.seq ?? 0
  expect(lastSeq).toBeGreaterThanOrEqual(21 + 50_001)
  expect(entries.length + batches.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(lastSeq - 21)
  expect(batches.every(batch => batch.entries.length <= 500)).toBe(true)
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map(({ seq }) => seq).toSorted((a, b) => a - b))
}, 60_000)

test('nothing that is shown is a secret, and what is one is told on request', async () => {
  const owner = { id: 'tok', token: secret(SECRETS.ownerToken) }
  const verified = { owner, serverVersion: '1.0.0', workspaceId: 'ws-1' }
  await using it = await hostControl([], { verified: () => verified })
  for (const value of Object.values(SECRETS)) {
    it.log.redactor.add(value)
    it.log.warn(`it is ${value}`, { value })
  }
  const events = it.client.events({ logs: 100, signal: AbortSignal.timeout(LIMIT_MS) })[Symbol.asyncIterator]()
  const seen = JSON.stringify(await until(events, ({ event }) => event === 'log'))
  expect(seen).toContain('it is [REDACTED]')
  for (const value of [...Object.values(SECRETS), it.control.token.reveal()]) expect(seen).not.toContain(value)
  expect(await it.client.credentials()).toEqual({
    clientToken: SECRETS.token,
    hostToken: SECRETS.hostToken,
    ownerToken: SECRETS.ownerToken,
    opencodeUsername: SECRETS.username,
    opencodePassword: SECRETS.password,
  })
  const stranger = hostClient({ baseUrl: it.control.baseUrl, token: 'wrong' })
  expect((await failureOf(stranger.credentials())).code).toBe('unauthorized')
  expect((await failureOf(stranger.snapshot())).code).toBe('unauthorized')
})

test('refuses what it cannot restart, check or reach, and says why', async () => {
  await using it = await hostControl([await answering('opencode')])
  const unknown = await failureOf(it.client.restart('opencod', { force: false }))
  expect([unknown.code, unknown.message]).toEqual([
    'service_not_found',
    'This host has no service "opencod". It has opencode.',
  ])
  expect(unknown.details).toMatchObject({ details: { services: ['opencode'] } })
  expect((await failureOf(it.client.restart('openwork-orchestrator', { force: false }))).code).toBe('not_available')
  expect((await failureOf(it.client.check({ events: false }))).code).toBe('not_available')
  expect((await failureOf(it.client.replyApproval('a/b', 'allow'))).code).toBe('server_unreachable')
  expect((await failureOf(it.client.openPairing())).code).toBe('server_unreachable')
})

test('is released once, however often that is asked for', async () => {
  await using it = await hostControl([])
  await it.client.release()
  await it.client.release()
  expect(it.releases()).toBe(1)
  expect((await it.client.snapshot()).isDetached).toBe(true)
})

test('neither stops nor restarts opencode while work runs, or while nobody can say so, unless that is forced', async () => {
  let ask = async (): Promise<EngineWork> => ({ ...NO_WORK, sessions: ['ses_1'] })
  const { reloads, held } = heldReloads(() => ask())
  await using it = await hostControl([await answering('opencode'), await answering('openwork-server')], {
    reloads: () => reloads,
  })
  it.life.becomes('ready')
  const pid = () => it.host.services().find(({ name }) => name === 'opencode')?.pid
  const first = pid()
  const stop = () => it.client.stop({ force: false })
  const restart = () => it.client.restart('opencode', { force: false })
  for (const refused of [stop, restart]) {
    const busy = await failureOf(refused())
    expect([busy.code, busy.message]).toEqual(['workspace_busy', expect.stringContaining('1 session')])
    expect(busy.details).toMatchObject({ details: { work: { sessions: ['ses_1'] } } })
  }
  expect(held).toEqual([true, false, true, false])
  ask = () => Promise.reject(new OpenworkError('opencode_unreachable', 'opencode is slow'))
  for (const refused of [stop, restart]) expect((await failureOf(refused())).message).toContain('opencode is slow')
  await it.client.restart('openwork-server', { force: false }) // ends nobody's work
  expect([it.life.phase, pid()]).toEqual(['ready', first])

  held.length = 0
  expect((await it.client.restart('opencode', { force: true })).pid).not.toBe(first)
  expect(held).toEqual([])
  ask = async () => NO_WORK
  expect(await restart()).toMatchObject({ state: 'ready', restarts: 2 })
  expect(held).toEqual([true, false]) // who asks meanwhile waits for the new one
  ask = () => Promise.reject(new Error('nobody asks for it'))
  await it.client.stop({ force: true })
  await it.life.stopAsked
  expect(it.life.phase).toBe('stopping')
})
