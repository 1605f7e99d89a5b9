import { expect, test } from 'bun:test'
import type { DaemonEvent } from '../../../src/api/daemon.ts'
import type { HotReloadStatus } from '../../../src/api/hot-reload.ts'
import { Instances, type InstancesDeps, type InstancesPace } from '../../../src/daemon/instances/instances.ts'
import { eventually } from '../../e2e/harness.ts'
import { holds } from '../../fixtures/holds.ts'
import { listeningLog } from '../../fixtures/listening-log.ts'
import { Engine } from './engine.ts'

const TIMEOUT_MS = 60
const HOUR = { ttlMs: 3_600_000, label: '' }

type Options = Partial<InstancesDeps> & { idleTimeoutMs?: number; pace?: Partial<InstancesPace> }

/** `Instances` over an engine, and what they told. Workspace `a` is `/w/a`. */
async function started(engine: Engine, { idleTimeoutMs = TIMEOUT_MS, pace, ...deps }: Options = {}) {
  const events: DaemonEvent[] = []
  const told: string[] = []
  const readSince = new Map<string, number>()
  const instances = new Instances(
    { idleTimeoutMs, memoryLimitBytes: undefined },
    {
      opencode: engine.client,
      activity: engine.activity,
      service: () => undefined,
      restart: async () => {},
      log: listeningLog().log,
      onLive: ({ id }, sinceMs) => {
        told.push(`live ${id}`)
        readSince.set(id, sinceMs)
      },
      onGone: ({ id }) => told.push(`gone ${id}`),
      onEvent: event => events.push(event),
      ...deps,
    },
    { settleMs: 50, ...pace },
  )
  await eventually('its events are listened to', () => engine.listeners === 1)
  return {
    instances,
    events,
    told,
    /** What workspaces' instances read was there then, or newer, by id. */
    readSince,
    add: (...names: string[]) => {
      for (const name of names) instances.add({ id: name, name, path: `/w/${name}` })
    },
    /** As openwork-server tells, and opencode does. */
    use: (...names: string[]) => {
      for (const name of names) {
        engine.instances.add(`/w/${name}`)
        instances.used(name, Date.now())
      }
    },
    [Symbol.asyncDispose]: () => instances.close(),
  }
}

/** Resolves when a workspace was looked at twice more: it was due, and will not go. */
async function survives(engine: Engine, name: string): Promise<void> {
  const before = engine.looks.get(`/w/${name}`) ?? 0
  await eventually(`${name} is looked at`, () => (engine.looks.get(`/w/${name}`) ?? 0) >= before + 2)
  expect(engine.disposed).not.toContain(`/w/${name}`)
}

test('what nobody uses any more is disposed of, and that is told', async () => {
  await using engine = new Engine()
  await using run = await started(engine)
  run.add('a', 'b', 'never-used')
  run.use('a', 'b')
  expect(run.instances.status('a')).toMatchObject({ state: 'idle', evictsAt: expect.any(Number), evictions: 0 })

  await eventually('both are gone', () => run.events.length === 2)

  expect(engine.disposed.toSorted()).toEqual(['/w/a', '/w/b'])
  expect(run.events).toContainEqual({ event: 'instance.disposed', data: { workspaceId: 'a', reason: 'idle' } })
  expect(run.told.toSorted()).toEqual(['gone a', 'gone b', 'live a', 'live b'])
  expect(run.instances.status('a')).toMatchObject({ state: 'none', evictions: 1 })
  expect([...engine.looks.keys()].toSorted()).toEqual(['/w/a', '/w/b']) // asking would have made one
})

test('work of any kind, a client and an open request hold it, and its idle time begins when they end', async () => {
  await using engine = new Engine()
  await using run = await started(engine)
  const kinds = ['sessions', 'permissions', 'questions', 'terminals'] as const
  run.add(...kinds, 'listeners', 'openRequests')
  for (const kind of kinds) engine.work.set(`/w/${kind}`, { [kind]: ['id'] })
  for (const kind of ['listeners', 'openRequests']) engine.use.set(kind, { [kind]: 1 })
  const all = [...kinds, 'listeners', 'openRequests']
  run.use(...all)

  // Only of one that somebody opens there: to ask for terminals is dear.
  engine.emit('/w/terminals', 'pty.created')
  for (const name of all) await survives(engine, name)
  expect(all.filter(name => run.instances.mayHaveTerminals(`/w/${name}`))).toEqual(['terminals'])
  await run.instances.refresh()
  for (const kind of kinds)
    expect(run.instances.status(kind)).toMatchObject({ state: 'busy', work: { [kind]: ['id'] } })
  expect(run.instances.status('listeners')).toMatchObject({ state: 'held', listeners: 1 })

  engine.work.clear()
  for (const kind of ['listeners', 'openRequests']) engine.use.set(kind, {})
  await eventually('all are gone', () => engine.disposed.length === all.length)
})

test('a lease holds it until it is given back', async () => {
  await using engine = new Engine()
  await using run = await started(engine)
  run.add('leased', 'other')
  const lease = run.instances.lease('leased', HOUR)
  run.use('leased', 'other')

  await eventually('the other one is gone', () => run.instances.status('other').state === 'none')
  expect(run.instances.status('leased')).toMatchObject({ state: 'held', leases: [lease] })
  run.instances.releaseLease(lease.id)
  await eventually('the leased one is gone', () => engine.disposed.includes('/w/leased'))
  expect(() => run.instances.releaseLease(lease.id)).toThrow(expect.objectContaining({ code: 'lease_not_found' }))
})

test('a timeout of 0 lets everything stay', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a')
  run.use('a')
  expect(run.instances.status('a')).toMatchObject({ state: 'idle', evictsAt: undefined })
})

test('a request that comes while it is looked at keeps it', async () => {
  await using engine = new Engine()
  await using run = await started(engine)
  run.add('told', 'asked')
  // One is told of at once; of the other one only openwork-server knows.
  engine.onLook = directory => {
    if (directory === '/w/told') run.instances.used('told', Date.now())
    if (directory === '/w/asked') engine.use.set('asked', { lastRequestAt: Date.now() })
  }
  run.use('told', 'asked')

  await survives(engine, 'told')
  await survives(engine, 'asked')
})

test('new requests wait while it is disposed of, and no others', async () => {
  await using engine = new Engine()
  const { held, hold } = holds()
  await using run = await started(engine, { hold, pace: { settleMs: 10 } })
  run.add('idle', 'begins', 'passed-on', 'other')
  const seen: unknown[] = []
  engine.onDispose = directory => seen.push([directory, [...held.now]])
  engine.work.set('/w/other', { sessions: ['ses_1'] })
  run.use('idle', 'other')
  await eventually('the idle one is gone', () => engine.disposed.includes('/w/idle'))
  expect(seen).toEqual([['/w/idle', ['/w/idle']]])

  // What begins just before they wait, and what was passed on and shows no work yet.
  held.begun = () => engine.work.set('/w/begins', { sessions: ['ses_2'] })
  run.use('begins')
  await survives(engine, 'begins')
  held.begun = () => {}
  held.openRequests = 1
  run.use('passed-on')
  await survives(engine, 'passed-on')
  const refused = await run.instances.dispose('passed-on', { force: false }).catch(error => error)
  expect(refused).toMatchObject({ code: 'workspace_busy', details: { work: { requests: 1 } } })
  held.openRequests = 0
  await eventually('that is gone too', () => engine.disposed.includes('/w/passed-on'))
  await eventually('all to go on', () => held.now.length === 0)
})

test('while openwork-server does not say who uses it, nothing goes', async () => {
  await using engine = new Engine()
  await using run = await started(engine)
  engine.isServerUp = false
  run.add('a')
  run.use('a')

  await survives(engine, 'a')
  engine.isServerUp = true
  await eventually('it is gone', () => engine.disposed.includes('/w/a'))
})

test('what opencode tells of a folder, or of one below it, is use of its workspace', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a', 'b', 'c')
  engine.emit('/w/a', 'session.created')
  engine.emit('/w/b/deep/er', 'message.part.updated')
  engine.emit('/w/c', 'file.watcher.updated') // a build may write all day long
  engine.emit('/elsewhere', 'session.created')
  engine.emit('global', 'project.updated', { worktree: '/' })
  await eventually('the stranger is known', () => run.instances.liveDirectories().includes('/elsewhere'))

  expect(run.instances.liveDirectories().toSorted()).toEqual(['/elsewhere', '/w/a', '/w/b/deep/er'])
  expect(run.told).toEqual(['live a']) // the folder of b itself has no instance
  expect(run.instances.status('b').state).toBe('idle')
  expect(run.instances.status('c').state).toBe('none')
})

test('a repository that opencode opens is the workspace there, unless one inside may be meant', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a', 'b', 'b/inner')
  for (const worktree of ['/w/b', '/w/a']) engine.emit('global', 'project.updated', { worktree })
  await eventually('a is live', () => run.told.includes('live a'))
  expect(run.told).toEqual(['live a'])
})

test('an instance that others dispose of is gone, unless somebody goes on with it', async () => {
  await using engine = new Engine()
  const reload = new Map<string, Pick<HotReloadStatus, 'state' | 'problems'>>()
  const settleMs = 50
  await using run = await started(engine, {
    idleTimeoutMs: 0,
    pace: { settleMs },
    reload: ({ id }) => reload.get(id) as HotReloadStatus | undefined,
  })
  run.add('gone', 'went-on', 'broken')
  run.use('gone', 'went-on', 'broken')
  reload.set('broken', { state: 'blocked', problems: [{ path: '/w/broken/opencode.json', message: 'no JSON' }] })
  engine.use.set('went-on', { lastRequestAt: Date.now() + 10_000 })
  for (const name of ['broken', 'went-on', 'gone']) engine.disposeOf(`/w/${name}`)

  await eventually('it is believed', () => run.told.includes('gone gone'))
  expect(run.told.filter(line => line.startsWith('gone'))).toEqual(['gone gone'])
})

test('reloads in quick succession make an instance again each time, whatever is heard of their disposals', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a', 'other')
  run.use('a', 'other')
  for (let reloads = 0; reloads < 3; reloads += 1) {
    const at = Date.now()
    engine.disposeOf('/w/a')
    run.instances.reloaded({ directory: '/w/a', at })
  }
  // What is heard last is judged last.
  engine.disposeOf('/w/other')
  await eventually('the last one is judged', () => run.told.includes('gone other'))
  expect(run.told).toEqual(['live a', 'live other', 'gone other'])
})

test('what changed while it was not certain whether there is an instance counts as not read', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a')
  run.use('a')
  const disposedAtMs = Date.now()
  engine.disposeOf('/w/a')
  await eventually('it seems gone', () => run.told.includes('gone a'))
  const usedAtMs = Date.now() + 60_000
  run.instances.used('a', usedAtMs)
  expect(run.readSince.get('a')).toBeGreaterThanOrEqual(disposedAtMs)
  expect(run.readSince.get('a')).toBeLessThan(usedAtMs - 50_000)

  // Opencode was ended: whoever goes on may have begun right then.
  const endedAtMs = Date.now()
  run.instances.engineRestarted()
  engine.use.set('a', { lastRequestAt: Date.now() + 1_000 })
  await eventually('it is found again', () => run.told.at(-1) === 'live a')
  expect(run.readSince.get('a')).toBeGreaterThanOrEqual(endedAtMs)
  expect(run.readSince.get('a')).toBeLessThan(endedAtMs + 500)
})

test('with an engine that is gone all instances are, and clients that go on are found again', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a', 'b')
  run.use('a', 'b')
  run.instances.engineRestarted()
  expect(run.instances.liveDirectories()).toEqual([])
  expect(run.told.slice(2)).toEqual(['gone a', 'gone b'])

  engine.use.set('a', { lastRequestAt: Date.now() + 1 })
  await eventually('a is live', () => run.instances.liveDirectories().includes('/w/a'))
  expect(run.instances.liveDirectories()).toEqual(['/w/a'])
})

test('a folder that was reloaded with a restart of opencode has an instance, which nobody has used yet', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a', 'b')
  run.instances.engineRestarted()
  run.instances.reloaded({ directory: '/w/a', at: Date.now() })
  expect(run.told).toEqual(['live a'])
  expect(run.instances.status('a')).toMatchObject({ state: 'idle', lastUsedAt: undefined })
})

test('the events are listened to again after they were cut off', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a')
  engine.endStreams()
  await eventually('its events are listened to', () => engine.listeners === 1)
  engine.emit('/w/a', 'session.created')
  await eventually('a is live', () => run.told.includes('live a'))
})

test('what somebody works in, or has a lease of, is taken away only where that is meant', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('busy', 'leased', 'idle', 'broken', 'unused')
  run.use('busy', 'idle', 'broken')
  engine.work.set('/w/busy', { sessions: ['ses_1'] })
  engine.refused.add('/w/broken')
  const [build, anonymous] = [
    run.instances.lease('leased', { ...HOUR, label: 'build' }),
    run.instances.lease('leased', HOUR),
  ]
  const refusalOf = (id: string) => run.instances.requireFree(id, { force: false }).catch(error => error)

  expect(await refusalOf('busy')).toMatchObject({ code: 'workspace_busy', message: '"busy" is busy: 1 session' })
  expect(await refusalOf('leased')).toMatchObject({
    message: `"leased" is held by the leases "build" (${build.id}), ${anonymous.id}`,
    details: { workspaceId: 'leased', leases: [build, anonymous] },
  })
  run.instances.lease('busy', { ...HOUR, label: 'night' })
  expect((await refusalOf('busy')).message).toMatch('"busy" is busy: 1 session, and is held by the lease "night" (')
  for (const id of ['idle', 'broken', 'unused', 'none']) expect(await refusalOf(id)).toBeUndefined()

  const ended = await run.instances.requireFree('busy', { force: true })
  expect(ended).toMatchObject({ sessions: ['ses_1'] })
  expect(await run.instances.requireFree('leased', { force: true })).toBeUndefined()
  expect(engine.disposed).toEqual([])
})

test('by hand, work is not ended unless that is meant', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('busy', 'idle', 'unused')
  const usedAt = Date.now() - 1
  for (const name of ['busy', 'idle']) run.instances.used(name, usedAt)
  engine.emit('/w/busy', 'pty.created')
  await eventually('the terminal is known', () => (run.instances.status('busy').lastUsedAt ?? 0) > usedAt)
  engine.work.set('/w/busy', { sessions: ['ses_1', 'ses_2'], terminals: ['pty_1'] })

  const refused = await run.instances.dispose('busy', { force: false }).catch(error => error)
  expect(refused).toMatchObject({ code: 'workspace_busy', message: '"busy" is busy: 2 sessions, 1 terminal' })
  expect(await run.instances.dispose('busy', { force: true })).toBe(true)
  expect(await run.instances.dispose('idle', { force: false })).toBe(true)
  expect(await run.instances.dispose('unused', { force: false })).toBe(false)
  expect(engine.disposed).toEqual(['/w/busy', '/w/idle'])
  expect(await run.instances.dispose('unused', { force: true })).toBe(true)
  expect(await run.instances.dispose('no-such', { force: true }).catch(error => error.code)).toBe('workspace_not_found')
  expect(run.events).toContainEqual({ event: 'instance.disposed', data: { workspaceId: 'busy', reason: 'request' } })
})

test('a workspace that is removed leaves no instance, and what is below it no trouble', async () => {
  await using engine = new Engine()
  await using run = await started(engine, { idleTimeoutMs: 0 })
  run.add('a')
  run.use('a')
  engine.emit('/w/a/deep', 'session.created')
  await eventually('the folder below is known', () => run.instances.liveDirectories().length === 2)

  await run.instances.remove('a')
  expect(engine.disposed.toSorted()).toEqual(['/w/a', '/w/a/deep'])
  expect(run.instances.status('a').state).toBe('unknown')
  expect(run.told).toEqual(['live a', 'gone a'])
})

test('a folder that opencode refuses is told as broken, and kept: it would be refused again', async () => {
  await using engine = new Engine()
  await using run = await started(engine)
  run.add('a', 'b')
  engine.refused.add('/w/a')
  run.use('a', 'b')

  await eventually('b is gone', () => run.told.includes('gone b'))
  await run.instances.refresh()
  expect(run.instances.status('a')).toMatchObject({
    state: 'broken',
    problems: [{ path: '/w/a/opencode.json', message: expect.any(String) }],
  })
  run.instances.engineRestarted()
  expect(run.instances.status('a')).toMatchObject({ state: 'none' })
  expect(run.instances.status('a').problems).toBeUndefined()
})

test('files that opencode could not read are told of one that it still serves, which is held by them', async () => {
  await using engine = new Engine()
  const problems = [{ path: '/w/a/opencode.json', message: 'no JSON' }]
  const reload = () => ({ state: 'blocked', problems }) as unknown as HotReloadStatus
  await using run = await started(engine, { idleTimeoutMs: 0, reload })
  run.add('a')
  run.use('a')
  await run.instances.refresh()
  expect(run.instances.status('a')).toMatchObject({ state: 'held', problems })
})
