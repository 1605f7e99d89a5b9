import { expect, test } from 'bun:test'
import { healthOf } from '../../../src/orchestrator/live/health.ts'
import { HostLife } from '../../../src/orchestrator/live/host-life.ts'
import { LogRing } from '../../../src/orchestrator/live/log-ring.ts'
import { UsageHistory } from '../../../src/orchestrator/live/usage-history.ts'

const up = { state: 'ready' } as const
const current = { state: 'current', problems: [] } as const
const problem = { path: '/w/opencode.json', message: 'no JSON' }

test.each([
  ['starting', [{ state: 'starting' }], [], 'starting'],
  ['starting', [up], [], 'starting'],
  ['ready', [up, up], [], 'ready'],
  ['ready', [up], [current, { state: 'waiting', problems: [] }], 'ready'],
  ['ready', [up, { state: 'unhealthy' }], [current], 'degraded'],
  ['ready', [{ state: 'backing-off' }], [], 'degraded'],
  ['ready', [{ state: 'gave-up' }], [], 'degraded'],
  ['ready', [up], [{ state: 'blocked', problems: [] }], 'degraded'],
  ['ready', [up], [{ state: 'looping', problems: [] }], 'degraded'],
  ['ready', [up], [{ state: 'settling', problems: [problem] }], 'degraded'],
  ['stopping', [{ state: 'exited' }], [], 'stopping'],
  ['failed', [{ state: 'gave-up' }], [], 'failed'],
] as const)('a host that is %s with services %j and reloads %j is %s', (phase, services, reloads, health) => {
  expect(healthOf(phase, services, reloads as unknown as Parameters<typeof healthOf>[2])).toBe(health)
})

test('a host that ends becomes nothing else, and tells of each change once', async () => {
  const life = new HostLife({ isDetached: false, onReleased: async () => {} })
  let told = 0
  life.listen(() => {
    told += 1
  })
  life.becomes('ready')
  life.becomes('ready')
  life.askStop()
  life.becomes('ready')
  await life.release()
  await life.release()
  await life.stopAsked
  expect([life.phase, life.isDetached, told]).toEqual(['stopping', true, 3])
})

const record = (message: string) =>
  ({ timeMs: 1, severity: 'info', component: 'opencode', message, attributes: {} }) as const

test('the last 5,000 lines are kept, and of long ones only as many as fit', () => {
  const ring = new LogRing()
  const add = (text: string): void => ring.add(record(text), text)
  for (let line = 1; line <= 12_000; line += 1) add(`line ${line}`)
  expect(ring.from(1, 10_000)).toMatchObject({ dropped: 7_000, entries: { length: 5_000 } })
  expect(ring.from(1, 1).entries).toEqual([
    { seq: 7_001, atMs: 1, service: 'opencode', level: 'info', text: 'line 7001' },
  ])
  expect(ring.from(ring.seqOfLast(2), 10).entries.map(({ text }) => text)).toEqual(['line 11999', 'line 12000'])

  for (let line = 1; line <= 5_000; line += 1) add('x'.repeat(100_000))
  const { entries } = ring.from(1, 10_000)
  expect(entries.length).toBe(1_023)
  expect(entries.every(({ text }) => text.length === 4_097)).toBe(true)
})

test('usage is the share of a core between two looks, and begins anew with another process or after a pause', () => {
  const history = new UsageHistory()
  const look = (pid: number, cpuMs: number, atMs: number): void =>
    history.add('opencode', pid, { cpuMs, memoryBytes: 1_000 + pid, children: 2 }, atMs)
  look(1, 100, 0)
  expect(history.of('opencode', 1)).toBeUndefined()
  look(1, 600, 1_000)
  look(1, 1_100, 3_000)
  expect(history.of('opencode', 1)).toEqual({
    everyMs: 2_000,
    cpuPercent: [50, 25],
    memoryBytes: [1_001, 1_001],
    processes: 3,
  })
  expect(history.of('opencode', 2)).toBeUndefined()
  look(2, 10, 5_000)
  expect([1, 2].map(pid => history.of('opencode', pid))).toEqual([undefined, undefined])
  look(2, 0, 7_000)
  expect(history.of('opencode', 2)).toMatchObject({ cpuPercent: [0], memoryBytes: [1_002] })
  look(2, 50, 60_000)
  expect(history.of('opencode', 2)).toBeUndefined()
  for (let at = 0; at <= 100; at += 1) look(2, 50, 62_000 + at * 2_000)
  expect(history.of('opencode', 2)?.cpuPercent.length).toBe(60)
})
