import { expect, test } from 'bun:test'
import type { DaemonEvent } from '../../../src/api/daemon.ts'
import { Instances, type InstancesDeps } from '../../../src/daemon/instances/instances.ts'
import type { ServiceSnapshot } from '../../../src/supervisor/service.ts'
import { eventually } from '../../e2e/harness.ts'
import { holds } from '../../fixtures/holds.ts'
import { listeningLog } from '../../fixtures/listening-log.ts'
import { Engine } from './engine.ts'

const MB = 1024 * 1024
/** Of a small program with Bun and one that keeps 300 MB more, the limit in between. */
const LIMIT = 200 * MB
const LARGE = 300
const PACE = { lookEveryMs: 20, drainEveryMs: 20, restartEveryMs: 0, idleForMemoryMs: 0, settleMs: 20 }

/** A process that keeps so much in memory, and can be replaced by another one. */
class Hog implements AsyncDisposable {
  starts = 0
  #child: ReturnType<typeof Bun.spawn> | undefined

  async start(megabytes: number): Promise<void> {
    await this[Symbol.asyncDispose]()
    this.starts += 1
    const code = `globalThis.kept = Buffer.alloc(${megabytes} << 20, 1); console.log('up'); setInterval(() => {}, 60_000)`
    const child = Bun.spawn([process.execPath, '-e', code], { stdout: 'pipe' })
    this.#child = child
    await child.stdout.getReader().read()
  }

  snapshot(): ServiceSnapshot | undefined {
    if (!this.#child) return undefined
    return { name: 'opencode', state: 'ready', pid: this.#child.pid, restarts: this.starts - 1, lastLines: [] }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#child?.exited
  }
}

/** A workspace `a`, in use, of an opencode that needs `megabytes`, and after a restart so many. */
async function running(engine: Engine, hog: Hog, afterwardsMb: number, deps: Partial<InstancesDeps> = {}) {
  const events: DaemonEvent[] = []
  const { log, lines } = listeningLog()
  const instances = new Instances(
    { idleTimeoutMs: 0, memoryLimitBytes: LIMIT },
    {
      opencode: engine.client,
      activity: engine.activity,
      service: () => hog.snapshot(),
      restart: () => hog.start(afterwardsMb),
      log,
      onEvent: event => events.push(event),
      ...deps,
    },
    PACE,
  )
  for (const name of ['a', 'b', 'c']) instances.add({ id: name, name, path: `/w/${name}` })
  const use = (name: string): void => instances.used(name, Date.now())
  return { instances, events, lines, use, [Symbol.asyncDispose]: () => instances.close() }
}

const kinds = (events: readonly DaemonEvent[]): string[] => events.map(({ event }) => event)

test.skipIf(process.platform === 'win32')(
  'above the limit idle instances go first, then opencode is restarted, but not while it works',
  async () => {
    await using engine = new Engine()
    await using hog = new Hog()
    await hog.start(LARGE)
    engine.work.set('/w/a', { sessions: ['ses_1'] })
    await using run = await running(engine, hog, 0)
    for (const name of ['a', 'b', 'c']) run.use(name)

    await eventually('it waits', () => kinds(run.events).includes('engine.draining'))
    expect(engine.disposed.toSorted()).toEqual(['/w/b', '/w/c'])
    expect(run.events).toContainEqual({
      event: 'engine.draining',
      data: { memoryBytes: expect.any(Number), limitBytes: LIMIT, work: 1 },
    })
    expect(await run.instances.engine()).toMatchObject({ isDraining: true, memoryLimitBytes: LIMIT, restarts: 0 })
    // An open request is work, too.
    engine.use.set('a', { openRequests: 1 })
    engine.work.clear()
    const looks = engine.looks.get('/w/a') ?? 0
    await eventually('it is looked at twice more', () => (engine.looks.get('/w/a') ?? 0) > looks + 2)
    expect(hog.starts).toBe(1)
    engine.use.clear()

    await eventually('it is restarted', () => kinds(run.events).includes('engine.restarted'))
    expect(hog.starts).toBe(2)
    expect(kinds(run.events)).toEqual(['instance.disposed', 'instance.disposed', 'engine.draining', 'engine.restarted'])
    expect(run.instances.liveDirectories()).toEqual([])
    expect(await run.instances.engine()).toMatchObject({ state: 'ready', isDraining: false, restarts: 1, children: 0 })
  },
)

test.skipIf(process.platform === 'win32')(
  'a limit below what opencode needs for itself is told once and shown, and it is restarted again only when it grew',
  async () => {
    await using engine = new Engine()
    await using hog = new Hog()
    await hog.start(LARGE)
    await using run = await running(engine, hog, LARGE)

    const told = () => run.lines.filter(line => line.includes('too low for it'))
    const note = async () => (await run.instances.engine()).limitNote
    await eventually('that is told', () => told().length > 0)
    expect(told()).toHaveLength(1)
    expect(told()[0]).toMatch(/uses \d+ MB of memory, more than the 210 MB allowed/)
    expect(await note()).toMatch(/^opencode needs \d+ MB for itself/)
    expect(hog.starts).toBe(2)

    await hog.start(3 * LARGE)
    await eventually('it is restarted', () => hog.starts === 4)
    // It only took a while to become small.
    await eventually('that is told again', () => told().length === 2)
    await hog.start(0)
    await eventually('nothing is wrong', async () => (await note()) === undefined)
  },
)

test.skipIf(process.platform === 'win32')(
  'opencode that comes below the limit while it is waited for is not restarted',
  async () => {
    await using engine = new Engine()
    await using hog = new Hog()
    await hog.start(LARGE)
    engine.work.set('/w/a', { questions: ['que_1'] })
    await using run = await running(engine, hog, 0)
    run.use('a')
    await eventually('it waits', () => kinds(run.events).includes('engine.draining'))

    await hog.start(0) // as one that the supervisor restarted
    await eventually('it waits no more', async () => !(await run.instances.engine()).isDraining)
    expect(kinds(run.events)).toEqual(['engine.draining'])
  },
)

test.skipIf(process.platform === 'win32')(
  'new requests for all wait while it is restarted, and work is not',
  async () => {
    await using engine = new Engine()
    await using hog = new Hog()
    await hog.start(LARGE)
    const { held, hold } = holds()
    const heldAtRestart: unknown[] = []
    held.openRequests = 1
    const restart = async (): Promise<void> => {
      heldAtRestart.push([...held.now])
      await hog.start(0)
    }
    await using run = await running(engine, hog, 0, { hold, restart })
    await eventually('it was about to be restarted twice', () => held.ever.length >= 2)
    expect(hog.starts).toBe(1)
    held.openRequests = 0
    // Work that begins at the last moment.
    held.begun = () => engine.work.set('/w/a', { sessions: ['ses_1'] })
    run.use('a')
    await eventually('it waits', () => kinds(run.events).includes('engine.draining'))
    expect(hog.starts).toBe(1)
    held.begun = () => {}
    engine.work.clear()
    await eventually('it is restarted', () => kinds(run.events).includes('engine.restarted'))
    expect(heldAtRestart).toEqual([[undefined]])
    await eventually('all to go on', () => held.now.length === 0)
  },
)
