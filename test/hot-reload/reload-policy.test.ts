import { expect, test } from 'bun:test'
import type { ConfigProblem, EngineWork } from '../../src/api/hot-reload.ts'
import type { Look } from '../../src/hot-reload/file-watch.ts'
import {
  type Action,
  initialState,
  type PolicyEvent,
  reloadStateOf,
  step,
  type Tiding,
} from '../../src/hot-reload/reload-policy.ts'

const IDLE: EngineWork = { sessions: [], permissions: [], questions: [], terminals: [] }
const BUSY: EngineWork = { ...IDLE, sessions: ['ses_1'] }

const changed = (...paths: string[]): Look => writtenAt(0, ...paths)
const writtenAt = (ms: number, ...paths: string[]): Look => ({
  changes: paths.map(path => ({ kind: 'command', action: 'changed', path })),
  problems: [],
  needsRestart: false,
  writtenAtMs: new Map(paths.map(path => [path, ms])),
})
const broken = (...problems: ConfigProblem[]): Look => ({ ...changed('/w/opencode.json'), problems })

const looked = (...paths: string[]): PolicyEvent => ({ type: 'looked', look: changed(...paths), own: [] })

/** A directory and a clock; every action is noted. */
function directory({ debounceMs = 700, cooldownMs = 1_500, deadlineMs = 600_000 } = {}) {
  let state = initialState({ debounceMs, cooldownMs, deadlineMs })
  let nowMs = 0
  const actions: Action['type'][] = []
  const told: Tiding['about'][] = []
  const send = (event: PolicyEvent): void => {
    const result = step(state, event, nowMs)
    state = result.state
    if (result.action) actions.push(result.action.type)
    told.push(...result.tidings.map(({ about }) => about))
  }
  return {
    actions,
    told,
    send,
    at(ms: number, ...events: PolicyEvent[]) {
      nowMs = ms
      for (const event of events) send(event)
    },
    /** The turn that is due, in which the files look like this and this work goes on; how it goes. */
    turn(ms: number, look: Look, { work = IDLE, own = [] }: { work?: EngineWork; own?: string[] } = {}): string {
      nowMs = ms
      const before = actions.length
      send({ type: 'timer' })
      send({ type: 'turn' })
      send({ type: 'looked', look, own })
      send({ type: 'worked', work })
      return actions.slice(before).join(' ')
    },
    now: () => reloadStateOf(state),
    state: () => state,
  }
}

const DONE = 'queue look ask reload'
const HINT = { type: 'hint' } as const
const RELOADED = { type: 'reloaded', isComplete: true } as const

test('a reload comes when it has been quiet for the debounce', () => {
  const it = directory()
  for (let ms = 0; ms <= 5_000; ms += 500) it.at(ms, HINT, { type: 'timer' })
  expect(it.actions).toEqual([])
  expect(it.now()).toBe('settling')
  it.at(5_699, { type: 'timer' })
  expect(it.actions).toEqual([])
  expect(it.turn(5_700, changed('/w/a.md'))).toBe(DONE)
  expect(it.now()).toBe('reloading')
  it.at(5_800, RELOADED)
  expect(it.now()).toBe('current')
})

test('what changes while the files or the work are looked at may break a file: all of it is looked at anew', () => {
  for (const later of [0, 1]) {
    const it = directory()
    it.at(0, HINT)
    it.at(700, { type: 'timer' }, { type: 'turn' })
    if (later === 0) it.send(HINT)
    it.send(looked('/w/a.md'))
    if (later === 1) it.at(701, HINT, { type: 'worked', work: IDLE })
    expect(it.actions).not.toContain('reload')
    expect(it.turn(1_401, broken({ path: '/w/opencode.json', message: 'no JSON' }))).toBe('queue look')
  }
})

test('a file that is written to without a pause does not put a reload off for ever', () => {
  const it = directory()
  for (let ms = 0; ms < 30_000; ms += 500) it.at(ms, HINT)
  it.at(30_000, { type: 'timer' }, HINT, { type: 'turn' }, HINT, looked('/w/a.md'))
  it.at(30_001, HINT, { type: 'worked', work: IDLE })
  expect(it.actions.join(' ')).toBe(DONE)
  // What came meanwhile is looked at after it.
  it.at(30_002, RELOADED)
  expect(it.now()).toBe('settling')
})

test('the next reload waits for the cooldown, and takes up all that came', () => {
  const it = directory()
  it.at(0, HINT)
  it.turn(700, changed('/w/a.md'))
  it.at(1_000, HINT)
  it.at(2_000, RELOADED)
  expect(it.now()).toBe('settling')
  it.at(2_100, HINT)
  it.at(2_900, { type: 'timer' })
  it.at(3_499, { type: 'timer' })
  expect(it.actions.join(' ')).toBe(DONE)
  expect(it.turn(3_500, changed('/w/a.md', '/w/b.md'))).toBe(DONE)
})

test('what is changed back is no change', () => {
  const it = directory()
  it.at(0, HINT)
  expect(it.turn(700, changed())).toBe('queue look')
  expect(it.now()).toBe('current')
  expect(it.told).toEqual([])
})

test('work is waited for, people are told once when it takes long, and it is never forced', () => {
  const it = directory({ deadlineMs: 10_000 })
  it.at(0, HINT)
  it.turn(700, changed('/w/a.md'), { work: BUSY })
  expect(it.now()).toBe('waiting')
  for (let ms = 2_000; ms <= 60_000; ms += 2_000)
    it.at(ms, { type: 'may-be-idle' }, { type: 'turn' }, { type: 'worked', work: BUSY })
  expect(it.now()).toBe('overdue')
  expect(it.told).toEqual(['waiting', 'overdue'])
  expect(it.actions).not.toContain('reload')
  // The end of the work is seen, but other work has begun when the files were looked at.
  it.at(61_000, { type: 'may-be-idle' }, { type: 'turn' }, { type: 'worked', work: IDLE })
  it.send(looked('/w/a.md'))
  it.send({ type: 'worked', work: BUSY })
  expect(it.now()).toBe('overdue')
  it.at(62_000, { type: 'may-be-idle' }, { type: 'turn' }, { type: 'worked', work: IDLE })
  it.send(looked('/w/a.md'))
  it.send({ type: 'worked', work: IDLE })
  expect(it.now()).toBe('reloading')
})

test('a change that comes while work goes on is looked at then', () => {
  const it = directory()
  it.at(0, HINT)
  it.turn(700, changed('/w/a.md'), { work: BUSY })
  it.at(1_000, HINT)
  expect(it.now()).toBe('waiting')
  expect(it.turn(1_700, broken({ path: '/w/opencode.json', line: 3, message: 'a comma is missing' }))).toBe(
    'queue look',
  )
  expect(it.now()).toBe('blocked')
  expect(it.told).toEqual(['waiting', 'blocked'])
})

test('a broken file blocks the reload, is told once, and mended it is reloaded', () => {
  const it = directory()
  const problem = { path: '/w/opencode.json', line: 3, message: 'a comma is missing' }
  it.at(0, HINT)
  it.turn(700, broken(problem))
  it.at(5_000, HINT)
  it.turn(5_700, broken(problem))
  expect(it.told).toEqual(['blocked'])
  expect(it.state().problems).toEqual([problem])
  it.at(9_000, HINT)
  it.turn(9_700, broken({ ...problem, line: 4 }))
  expect(it.told).toEqual(['blocked', 'blocked'])
  it.at(12_000, HINT)
  expect(it.turn(12_700, changed('/w/opencode.json'))).toBe(DONE)
})

test('a broken file that becomes what it was needs no reload', () => {
  const it = directory()
  it.at(0, HINT)
  it.turn(700, broken({ path: '/w/opencode.json', message: 'no JSON' }))
  it.at(5_000, HINT)
  it.turn(5_700, changed())
  expect(it.now()).toBe('current')
  expect(it.told).toEqual(['blocked', 'mended'])
})

type Rounds = { pathsOf(round: number): string[]; own?: boolean; everyMs?: number; most?: number; fromMs?: number }

/** One reload after the other, each `everyMs` at most; how many until the files are left alone. */
function rounds(it: ReturnType<typeof directory>, { pathsOf, own, everyMs = 0, most = 60, fromMs = 0 }: Rounds) {
  let ms = fromMs
  for (let round = 0; round < most; round += 1) {
    it.at(ms, HINT)
    const dueMs = Math.max(ms + 700, (it.state().endedMs ?? 0) + 1_500)
    const paths = pathsOf(round)
    if (it.turn(dueMs, writtenAt(ms, ...paths), { own: own && round > 0 ? paths : [] }) !== DONE) return round
    it.at(dueMs + 50, RELOADED)
    ms = Math.max(dueMs + 60, ms + everyMs)
  }
  return most
}

const LOOP: Rounds = { pathsOf: () => ['/w/loop.md'], own: true }

test('a file that five reloads in a row have changed themselves is left alone', () => {
  const it = directory()
  expect(rounds(it, LOOP)).toBe(5)
  expect(it.now()).toBe('looping')
  expect(it.told).toEqual(['looping'])
  const ms = it.state().endedMs ?? 0
  const own = ['/w/loop.md']
  // Another file is reloaded for, and with it this one; that it comes again at once is known by now.
  it.at(ms + 2_000, HINT)
  expect(it.turn(ms + 2_700, changed('/w/loop.md', '/w/a.md'), { own })).toBe(DONE)
  it.at(ms + 2_800, RELOADED, HINT)
  it.turn(ms + 4_300, changed('/w/loop.md'), { own })
  expect(it.now()).toBe('looping')
  expect(it.told).toEqual(['looping'])
  // Somebody asks, and then writes it, as anybody may.
  it.at(ms + 9_000, { type: 'taken' }, RELOADED)
  expect(it.now()).toBe('current')
  it.at(ms + 20_000, HINT)
  expect(it.turn(ms + 20_700, changed('/w/loop.md'))).toBe(DONE)
})

test('what is left alone is taken over when it has been quiet for a minute', () => {
  const it = directory()
  rounds(it, LOOP)
  const ms = 20_000
  // It is written to once more, which is seen, and looked at again for another reason, which is nothing.
  it.at(ms, HINT)
  it.turn(ms + 700, writtenAt(ms, '/w/loop.md'))
  it.at(ms + 30_000, HINT)
  it.turn(ms + 30_700, writtenAt(ms, '/w/loop.md'))
  expect(it.now()).toBe('looping')
  expect(it.turn(ms + 60_699, writtenAt(ms, '/w/loop.md'))).toBe('')
  expect(it.turn(ms + 60_700, writtenAt(ms, '/w/loop.md'))).toBe(DONE)
  it.at(ms + 60_800, RELOADED)
  expect(it.now()).toBe('current')
  // It has really ended.
  it.at(ms + 70_000, HINT)
  expect(it.turn(ms + 70_700, writtenAt(ms + 70_000, '/w/loop.md'))).toBe(DONE)
})

test('a loop that does not end is tried less and less often, and told every ten minutes at most', () => {
  const it = directory()
  rounds(it, LOOP)
  const firstMs = it.state().endedMs ?? 0
  const hours = 6
  let reloads = 0
  for (let ms = firstMs; ms < hours * 3_600_000; ms += 1_000) {
    const version = reloads
    const steps = it.turn(ms, writtenAt(version, '/w/loop.md'), { own: ['/w/loop.md'] })
    if (!steps.endsWith('reload')) continue
    reloads += 1
    it.at(ms + 50, RELOADED, HINT)
    it.turn(ms + 1_550, writtenAt(reloads, '/w/loop.md'), { own: ['/w/loop.md'] })
    expect(it.now()).toBe('looping')
  }
  expect(reloads).toBeGreaterThan(hours * 5)
  expect(reloads).toBeLessThanOrEqual(hours * 6 + 4)
  expect(it.told.length).toBeLessThanOrEqual(hours * 6 + 1)
  expect(new Set(it.told)).toEqual(new Set(['looping']))
})

test('something that writes the same files all the time ends in no loop either', () => {
  for (const pathsOf of [() => ['/w/a.md'], (round: number) => [`/w/${round % 2}.md`]]) {
    const it = directory()
    expect(rounds(it, { pathsOf, everyMs: 9_000 })).toBe(30)
    expect(it.now()).toBe('looping')
    // Beside another file it is taken over, and goes on.
    const ms = 300_000
    expect(it.turn(ms, changed(...pathsOf(0), '/w/other.md'))).toBe('')
    it.at(ms, HINT)
    expect(it.turn(ms + 700, changed(...pathsOf(0), '/w/other.md'))).toBe(DONE)
    it.at(ms + 800, RELOADED)
    expect(rounds(it, { pathsOf, everyMs: 9_000, fromMs: ms + 2_000 })).toBeLessThanOrEqual(30)
  }
})

test('somebody who saves a file again and again, or makes one after the other, is in no loop', () => {
  expect(rounds(directory(), { pathsOf: () => ['/w/a.md'], most: 20 })).toBe(20)
  expect(rounds(directory(), { pathsOf: () => ['/w/a.md'], everyMs: 12_000, most: 200 })).toBe(200)
  const it = directory()
  expect(rounds(it, { pathsOf: round => [`/w/${round}.md`], own: true, most: 200 })).toBe(200)
  expect(it.told).toEqual([])
})

test('while opencode does not answer the change stays pending, and is tried again every second', () => {
  const it = directory({ cooldownMs: 0 })
  it.at(0, HINT)
  it.at(700, { type: 'timer' }, { type: 'turn' }, looked('/w/a.md'), { type: 'unreachable' })
  for (let ms = 1_700; ms < 20_000; ms += 1_000) {
    it.at(ms - 1, { type: 'timer' })
    expect(it.now()).toBe('settling')
    it.at(ms, { type: 'timer' }, { type: 'turn' }, looked('/w/a.md'), { type: 'unreachable' })
  }
  expect(it.told).toEqual(['unreachable'])
  expect(it.turn(30_000, changed('/w/a.md'))).toBe(DONE)
})

test('a directory that opencode is stuck with has it started anew when nothing is at work', () => {
  const it = directory()
  it.at(0, HINT)
  it.at(700, { type: 'timer' }, { type: 'turn' }, looked('/w/opencode.json'))
  it.send({ type: 'refused', problems: [{ path: '/w/opencode.json', message: 'no JSON' }], isFresh: false })
  it.send(looked('/w/opencode.json'))
  it.send({ type: 'worked', work: BUSY })
  expect(it.told).toEqual(['stuck', 'waiting'])
  const { state } = step(it.state(), { type: 'may-be-idle' }, 3_000)
  const asked = step(state, { type: 'turn' }, 3_000)
  expect(asked.action).toEqual({ type: 'ask', extent: 'engine' })
})

test('an opencode that refuses again after it was started anew is not started over and over', () => {
  const it = directory()
  const problems = [{ path: '/w/opencode.json', message: 'Missing key' }]
  let reloads = 0
  for (let ms = 0; ms < 7_200_000; ms += 60_000) {
    it.at(ms, HINT)
    const steps = it.turn(ms + 59_000, changed('/w/opencode.json'))
    if (!steps.endsWith('reload')) continue
    reloads += 1
    it.send({ type: 'refused', problems, isFresh: true })
    expect(it.now()).toBe('blocked')
  }
  expect(reloads).toBeLessThan(12)
})
