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

const changed = (...paths: string[]): Look => ({
  changes: paths.map(path => ({ kind: 'command', action: 'changed', path })),
  problems: [],
  needsRestart: false,
})
const broken = (...problems: ConfigProblem[]): Look => ({ ...changed('/w/opencode.json'), problems })

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
    turn(ms: number, look: Look, work: EngineWork = IDLE): string {
      nowMs = ms
      const before = actions.length
      send({ type: 'timer' })
      send({ type: 'turn' })
      send({ type: 'looked', look })
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
    it.send({ type: 'looked', look: changed('/w/a.md') })
    if (later === 1) it.at(701, HINT, { type: 'worked', work: IDLE })
    expect(it.actions).not.toContain('reload')
    expect(it.turn(1_401, broken({ path: '/w/opencode.json', message: 'no JSON' }))).toBe('queue look')
  }
})

test('a file that is written to without a pause does not put a reload off for ever', () => {
  const it = directory()
  for (let ms = 0; ms < 30_000; ms += 500) it.at(ms, HINT)
  it.at(30_000, { type: 'timer' }, HINT, { type: 'turn' }, HINT, { type: 'looked', look: changed('/w/a.md') })
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
  it.turn(700, changed('/w/a.md'), BUSY)
  expect(it.now()).toBe('waiting')
  for (let ms = 2_000; ms <= 60_000; ms += 2_000)
    it.at(ms, { type: 'may-be-idle' }, { type: 'turn' }, { type: 'worked', work: BUSY })
  expect(it.now()).toBe('overdue')
  expect(it.told).toEqual(['waiting', 'overdue'])
  expect(it.actions).not.toContain('reload')
  // The end of the work is seen, but other work has begun when the files were looked at.
  it.at(61_000, { type: 'may-be-idle' }, { type: 'turn' }, { type: 'worked', work: IDLE })
  it.send({ type: 'looked', look: changed('/w/a.md') })
  it.send({ type: 'worked', work: BUSY })
  expect(it.now()).toBe('overdue')
  it.at(62_000, { type: 'may-be-idle' }, { type: 'turn' }, { type: 'worked', work: IDLE })
  it.send({ type: 'looked', look: changed('/w/a.md') })
  it.send({ type: 'worked', work: IDLE })
  expect(it.now()).toBe('reloading')
})

test('a change that comes while work goes on is looked at then', () => {
  const it = directory()
  it.at(0, HINT)
  it.turn(700, changed('/w/a.md'), BUSY)
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

/** One reload after the other; each leads to the next change 100 ms later. */
function rounds(it: ReturnType<typeof directory>, pathsOf: (round: number) => string[], most = 30): number {
  let ms = 0
  for (let round = 0; round < most; round += 1) {
    it.at(ms, HINT)
    ms = Math.max(ms + 700, (it.state().endedMs ?? 0) + 1_500)
    if (it.turn(ms, changed(...pathsOf(round))) !== DONE) return round
    it.at(ms + 50, RELOADED)
    ms += 150
  }
  return most
}

test('a file that each reload changes again is left alone after the fourth time', () => {
  const it = directory()
  expect(rounds(it, () => ['/w/loop.md'])).toBe(4)
  expect(it.now()).toBe('looping')
  expect(it.told).toEqual(['looping'])
  const ms = 100_000
  it.at(ms, HINT)
  it.turn(ms + 700, changed('/w/loop.md'))
  expect(it.now()).toBe('looping')
  expect(it.told).toEqual(['looping'])
  // Another file is reloaded for, and with it this one; that it comes again at once is known by now.
  it.at(ms + 2_000, HINT)
  expect(it.turn(ms + 2_700, changed('/w/loop.md', '/w/a.md'))).toBe(DONE)
  it.at(ms + 2_800, RELOADED, HINT)
  it.turn(ms + 4_300, changed('/w/loop.md'))
  expect(it.now()).toBe('looping')
  // Somebody asks.
  it.at(ms + 9_000, { type: 'taken' }, RELOADED)
  expect(it.now()).toBe('current')
  it.at(ms + 20_000, HINT)
  expect(it.turn(ms + 20_700, changed('/w/loop.md'))).toBe(DONE)
})

test('files that take turns in a loop, or are new ones each time, do not go on for ever either', () => {
  expect(rounds(directory(), round => [`/w/${round % 2}.md`])).toBe(5)
  expect(rounds(directory(), round => [`/w/${round}.md`])).toBe(12)
})

test('somebody who saves the same file again and again, at a human pace, is in no loop', () => {
  const it = directory()
  for (let ms = 0; ms < 200_000; ms += 10_000) {
    it.at(ms, HINT)
    expect(it.turn(ms + 700, changed('/w/a.md'))).toBe(DONE)
    it.at(ms + 800, RELOADED)
  }
  expect(it.told).toEqual([])
})

test('while opencode does not answer the change stays pending, and is tried again every second', () => {
  const it = directory({ cooldownMs: 0 })
  it.at(0, HINT)
  it.at(700, { type: 'timer' }, { type: 'turn' }, { type: 'looked', look: changed('/w/a.md') }, { type: 'unreachable' })
  for (let ms = 1_700; ms < 20_000; ms += 1_000) {
    it.at(ms - 1, { type: 'timer' })
    expect(it.now()).toBe('settling')
    it.at(
      ms,
      { type: 'timer' },
      { type: 'turn' },
      { type: 'looked', look: changed('/w/a.md') },
      { type: 'unreachable' },
    )
  }
  expect(it.told).toEqual(['unreachable'])
  expect(it.turn(30_000, changed('/w/a.md'))).toBe(DONE)
})

test('a directory that opencode is stuck with has it started anew when nothing is at work', () => {
  const it = directory()
  it.at(0, HINT)
  it.at(700, { type: 'timer' }, { type: 'turn' }, { type: 'looked', look: changed('/w/opencode.json') })
  it.send({ type: 'refused', problems: [{ path: '/w/opencode.json', message: 'no JSON' }], isFresh: false })
  it.send({ type: 'looked', look: changed('/w/opencode.json') })
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
