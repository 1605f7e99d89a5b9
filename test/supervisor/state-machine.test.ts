import { describe, expect, test } from 'bun:test'
import type { ServiceSpec } from '../../src/supervisor/service.ts'
import {
  type Effect,
  initialMachine,
  type Machine,
  type MachineEvent,
  step,
} from '../../src/supervisor/state-machine.ts'
import { http } from './support.ts'

type Policy = Machine['policy']

const policy = (changes: Partial<Policy> = {}, restart: Partial<ServiceSpec['restart']> = {}): Policy => ({
  ready: http(1, { withinMs: 30_000 }),
  restart: {
    when: 'on-failure',
    backoffMs: [100, 1_000],
    resetAfterMs: 10_000,
    maxCrashes: 3,
    windowMs: 60_000,
    ...restart,
  },
  stop: { signal: 'SIGTERM', graceMs: 5_000 },
  ...changes,
})

const watch = { everyMs: 1_000, failures: 2, restartAfterMs: 4_000 }

/** Feeds events one millisecond apart. */
function play(machine: Machine, ...events: MachineEvent[]): { machine: Machine; effects: Effect[]; states: string[] } {
  const effects: Effect[] = []
  const states: string[] = []
  let nowMs = 1_000
  for (const event of events) {
    const result = step(machine, event, nowMs++)
    machine = result.state
    effects.push(...result.effects)
    for (const effect of result.effects) if (effect.type === 'report') states.push(machine.state)
  }
  return { machine, effects, states }
}

const spawned = (run: number): MachineEvent => ({ type: 'spawned', run })
const healthy = (run: number): MachineEvent => ({ type: 'probe', run, healthy: true })
const failing = (run: number): MachineEvent => ({ type: 'probe', run, healthy: false })
const timer = (run: number, name: Extract<MachineEvent, { type: 'timer' }>['timer']): MachineEvent => ({
  type: 'timer',
  run,
  timer: name,
})
/** The process ends, and nothing is left of it. */
const ends = (run: number, code: number | null, signal: NodeJS.Signals | null = null): MachineEvent[] => [
  { type: 'exited', run, exit: { code, signal } },
  { type: 'swept', run, random: 0.5 },
]
const START: MachineEvent = { type: 'needs-met' }

const ready = (changes?: Partial<Policy>, restart?: Partial<ServiceSpec['restart']>) =>
  play(initialMachine(policy(changes, restart)), START, spawned(1), healthy(1)).machine

const kinds = (effects: readonly Effect[]): string[] => effects.map(effect => effect.type)

describe('starting', () => {
  test('a service is ready when its probe succeeds', () => {
    const { states, effects } = play(initialMachine(policy()), START, spawned(1), failing(1), healthy(1))
    expect(states).toEqual(['starting', 'ready'])
    expect(effects).toContainEqual({ type: 'start-timer', run: 1, timer: 'ready-limit', afterMs: 30_000 })
    expect(effects).toContainEqual({ type: 'clear-timer', timer: 'ready-limit' })
  })

  test('without a probe it is ready as soon as it runs', () => {
    const { states } = play(initialMachine(policy({ ready: { kind: 'spawned' } })), START, spawned(1))
    expect(states).toEqual(['starting', 'ready'])
  })

  test('one that does not become ready in time, ever, is ended and given up, however long the limit is', () => {
    const { states, effects, machine } = play(
      initialMachine(policy({ ready: { ...policy().ready, withinMs: 600_000 } as ServiceSpec['ready'] })),
      START,
      spawned(1),
      timer(1, 'ready-limit'),
      ...ends(1, 0),
    )
    expect(states).toEqual(['starting', 'stopping', 'gave-up'])
    expect(effects).toContainEqual({ type: 'signal', signal: 'SIGTERM' })
    expect(machine.reason).toBe('not ready within 600000 ms')
  })

  test('one that was ready before is started again when it is not in time', () => {
    const { states, effects, machine } = play(
      { ...initialMachine(policy()), wasReady: true },
      START,
      spawned(1),
      timer(1, 'ready-limit'),
      ...ends(1, 0),
      timer(1, 'back-off'),
    )
    expect(states).toEqual(['starting', 'stopping', 'backing-off', 'starting'])
    expect(effects).toContainEqual({ type: 'signal', signal: 'SIGTERM' })
    expect(machine).toMatchObject({ run: 2, restarts: 1 })
  })

  test('a program that cannot be started is not tried again', () => {
    const failed: MachineEvent = { type: 'spawn-failed', run: 1, reason: 'ENOENT', permanent: true, random: 0 }
    const { states, machine } = play(initialMachine(policy()), START, failed)
    expect(states).toEqual(['starting', 'gave-up'])
    expect(machine).toMatchObject({ reason: 'ENOENT', process: 'none' })
  })

  test('a start that failed for want of memory is tried again', () => {
    const failed: MachineEvent = { type: 'spawn-failed', run: 1, reason: 'EAGAIN', permanent: false, random: 0 }
    expect(play(initialMachine(policy()), START, failed, timer(1, 'back-off')).states).toEqual([
      'starting',
      'backing-off',
      'starting',
    ])
  })

  test('a service whose need can never be met gives up', () => {
    const { machine } = play(initialMachine(policy()), { type: 'needs-failed', reason: 'needs a, which gave up' })
    expect(machine).toMatchObject({ state: 'gave-up', reason: 'needs a, which gave up', run: 0 })
  })

  test('what happens to a run that is over is ignored', () => {
    const { machine } = play(initialMachine(policy()), START, ...ends(1, 1), timer(1, 'back-off'))
    const late = [spawned(1), healthy(1), failing(1), timer(1, 'ready-limit'), timer(1, 'back-off'), ...ends(1, 9)]
    for (const event of late) expect(step(machine, event, 5_000)).toEqual({ state: machine, effects: [] })
  })
})

describe('an end nobody asked for', () => {
  test('a crash is swept before it is backed off from', () => {
    const crashed = play(ready(), { type: 'exited', run: 1, exit: { code: 3, signal: null } })
    expect(crashed.states).toEqual([])
    expect(crashed.effects).toContainEqual({ type: 'sweep', run: 1, graceMs: 0 })
    const { machine } = play(crashed.machine, { type: 'swept', run: 1, random: 0 })
    expect(machine).toMatchObject({ state: 'backing-off', reason: 'exited with code 3' })
  })

  test('the pause doubles up to its cap, half of it random', () => {
    const pauses = [0, 0.999, 0, 0, 0, 0].map((random, crashes) => {
      const before: Machine = { ...ready({}, { maxCrashes: 99 }), streak: crashes }
      const { effects } = play(
        before,
        { type: 'exited', run: 1, exit: { code: 1, signal: null } },
        { type: 'swept', run: 1, random },
      )
      return effects.flatMap(effect => (effect.type === 'start-timer' ? [effect.afterMs] : []))
    })
    expect(pauses).toEqual([[50], [200], [200], [400], [500], [500]])
  })

  test('crashes too many within the window: it gives up and says why', () => {
    let { machine } = play(initialMachine(policy({}, { maxCrashes: 2 })), START)
    for (const run of [1, 2]) machine = play(machine, ...ends(run, 1), timer(run, 'back-off')).machine
    machine = play(machine, ...ends(3, null, 'SIGSEGV')).machine
    expect(machine).toMatchObject({
      state: 'gave-up',
      exit: { code: null, signal: 'SIGSEGV' },
      reason: 'ended by SIGSEGV; 3 crashes, 2 are allowed',
    })
  })

  test('crashes in a row count however far apart they are', () => {
    const { machine } = play({ ...ready({}, { maxCrashes: 2 }), streak: 2, crashesMs: [] }, ...ends(1, 1))
    expect(machine).toMatchObject({ state: 'gave-up', reason: 'exited with code 1; 3 crashes, 2 are allowed' })
  })

  test('an exit code that says "do not try again" is believed before the first readiness, not after', () => {
    const hopeless = { hopelessExitCodes: [2] }
    const first = play(initialMachine(policy({}, hopeless)), START, spawned(1), ...ends(1, 2))
    expect(first.machine).toMatchObject({ state: 'gave-up', reason: 'exited with code 2' })
    expect(play(ready({}, hopeless), ...ends(1, 2)).machine.state).toBe('backing-off')
  })

  test('crashes outside the window do not count', () => {
    const { machine } = play({ ...ready({}, { maxCrashes: 1 }), crashesMs: [1_000 - 60_000] }, ...ends(1, 1))
    expect(machine.state).toBe('backing-off')
  })

  test('after a stable period earlier crashes are forgotten', () => {
    const before: Machine = { ...ready(), streak: 3, crashesMs: [1, 2, 3] }
    expect(play(before, timer(1, 'stable')).machine).toMatchObject({ state: 'ready', streak: 0, crashesMs: [] })
  })

  const policies: [ServiceSpec['restart']['when'], number, Machine['state']][] = [
    ['on-failure', 0, 'exited'],
    ['on-failure', 1, 'backing-off'],
    ['always', 0, 'backing-off'],
    ['always', 1, 'backing-off'],
    ['never', 0, 'exited'],
    ['never', 1, 'gave-up'],
  ]
  test.each(policies)('restart %p, exit code %p: %p', (when, code, state) => {
    expect(play(ready({}, { when }), ...ends(1, code)).machine.state).toBe(state)
  })
})

describe('a service that is watched', () => {
  test('is unhealthy after so many failures in a row, and ready again when it answers', () => {
    const { states, effects } = play(
      ready({ watch }),
      failing(1),
      healthy(1),
      failing(1),
      failing(1),
      failing(1),
      healthy(1),
    )
    expect(states).toEqual(['unhealthy', 'ready'])
    expect(effects).toContainEqual({ type: 'start-timer', run: 1, timer: 'unhealthy', afterMs: 4_000 })
    expect(effects).toContainEqual({ type: 'clear-timer', timer: 'unhealthy' })
  })

  test('is ended and started again when it stays unhealthy', () => {
    const { states, machine } = play(
      ready({ watch }),
      failing(1),
      failing(1),
      timer(1, 'unhealthy'),
      ...ends(1, 0),
      timer(1, 'back-off'),
    )
    expect(states).toEqual(['unhealthy', 'stopping', 'backing-off', 'starting'])
    expect(machine.run).toBe(2)
  })

  test('is not stable while unhealthy', () => {
    const { machine } = play({ ...ready({ watch }), streak: 2 }, failing(1), failing(1), timer(1, 'stable'))
    expect(machine.streak).toBe(2)
  })
})

describe('stopping', () => {
  test('asks, then kills when the grace period is over', () => {
    const { states, effects } = play(ready(), { type: 'stop' }, timer(1, 'grace'), ...ends(1, null, 'SIGKILL'))
    expect(states).toEqual(['stopping', 'exited'])
    expect(kinds(effects)).toEqual([
      'report',
      'stop-probing',
      'clear-timers',
      'signal',
      'start-timer',
      'kill',
      'start-timer',
      'stop-probing',
      'clear-timers',
      'sweep',
      'report',
    ])
  })

  test('gives the rest of the grace period to what the process left behind', () => {
    const { effects } = play(ready(), { type: 'stop' }, ...ends(1, 0))
    expect(effects).toContainEqual({ type: 'sweep', run: 1, graceMs: 4_999 })
  })

  test('ends even when the process cannot be killed', () => {
    const { machine } = play(ready(), { type: 'stop' }, timer(1, 'grace'), timer(1, 'lost'), {
      type: 'swept',
      run: 1,
      random: 0,
    })
    expect(machine).toMatchObject({ state: 'exited', exit: { code: null, signal: null } })
  })

  test.each(['waiting', 'backing-off'] as const)('from %p it is over at once', state => {
    const before: Machine = state === 'waiting' ? initialMachine(policy()) : play(ready(), ...ends(1, 1)).machine
    const { states, machine } = play(before, { type: 'stop' }, START, timer(1, 'back-off'), { type: 'restart' })
    expect(states).toEqual(['exited'])
    expect(machine.run).toBe(before.run)
  })

  test('beats a restart that is under way', () => {
    const { states, effects } = play(ready(), { type: 'restart' }, { type: 'stop' }, ...ends(1, 0))
    expect(states).toEqual(['stopping', 'exited'])
    expect(kinds(effects)).not.toContain('spawn')
  })

  test('beats a crash that is being cleared away', () => {
    const { states } = play(
      ready(),
      { type: 'exited', run: 1, exit: { code: 1, signal: null } },
      { type: 'stop' },
      { type: 'swept', run: 1, random: 0 },
    )
    expect(states).toEqual(['exited'])
  })

  test('a service that retired runs on, but is not started again', () => {
    const { states } = play(ready({ watch }), { type: 'retire' }, failing(1), healthy(1), ...ends(1, 1))
    expect(states).toEqual(['exited'])
  })

  test('a kill does not ask first', () => {
    const { effects, states } = play(ready(), { type: 'kill' }, ...ends(1, null, 'SIGKILL'))
    expect(states).toEqual(['stopping', 'exited'])
    expect(kinds(effects)).not.toContain('signal')
    expect(effects).toContainEqual({ type: 'sweep', run: 1, graceMs: 0 })
  })

  test('one that gave up stays so', () => {
    const before = play(ready({}, { when: 'never' }), ...ends(1, 1)).machine
    expect(play(before, { type: 'stop' }).machine).toMatchObject({ state: 'gave-up', final: true })
  })
})

describe('a restart that was asked for', () => {
  test('stops, then starts without a pause', () => {
    const { states, machine } = play(ready(), { type: 'restart' }, ...ends(1, 1))
    expect(states).toEqual(['stopping', 'starting'])
    expect(machine).toMatchObject({ run: 2, restarts: 1, crashesMs: [] })
  })

  test.each(['backing-off', 'gave-up', 'exited'] as const)('from %p it starts at once', state => {
    const endings = { 'backing-off': ['on-failure', 1], 'gave-up': ['never', 1], exited: ['never', 0] } as const
    const [when, code] = endings[state]
    const before = play(ready({}, { when }), ...ends(1, code)).machine
    expect(before.state).toBe(state)
    expect(play(before, { type: 'restart' }).machine).toMatchObject({ state: 'starting', run: 2 })
  })

  test('during a crash takes the place of the back-off', () => {
    const { states } = play(
      ready(),
      { type: 'exited', run: 1, exit: { code: 1, signal: null } },
      { type: 'restart' },
      { type: 'swept', run: 1, random: 0 },
    )
    expect(states).toEqual(['starting'])
  })

  test('does nothing to a service that waits for others', () => {
    const waiting = initialMachine(policy())
    expect(play(waiting, { type: 'restart' }).machine).toEqual(waiting)
  })
})

describe('another program in the place of one that runs', () => {
  const other = policy({ ready: http(1, { withinMs: 7_000 }), stop: { signal: 'SIGINT', graceMs: 1 } })
  const tried = (machine: Machine) =>
    play(machine, { type: 'replace', policy: other, fallback: machine.policy }, ...ends(1, 0))

  test('the old one is ended by its own rules, the new one is waited for by its own', () => {
    const { states, effects, machine } = tried(ready())

    expect(states).toEqual(['stopping', 'starting'])
    expect(effects).toContainEqual({ type: 'signal', signal: 'SIGTERM' })
    expect(effects).toContainEqual({ type: 'start-timer', run: 2, timer: 'ready-limit', afterMs: 7_000 })
    expect(machine.policy).toBe(other)
  })

  test('once ready it is a service like any other', () => {
    const before = play(tried(ready()).machine, spawned(2), healthy(2)).machine
    expect([before.state, before.fallback]).toEqual(['ready', undefined])

    const { machine, states } = play(before, ...ends(2, 1))

    expect(states).toEqual(['backing-off'])
    expect(machine.policy).toBe(other)
  })

  const failures: [string, MachineEvent[], string][] = [
    ['crashes', ends(2, 3), 'exited with code 3'],
    ['ends well', ends(2, 0), 'exited with code 0'],
    ['is not ready in time', [timer(2, 'ready-limit'), ...ends(2, null, 'SIGINT')], 'not ready within 7000 ms'],
    ['cannot be started', [{ type: 'spawn-failed', run: 2, reason: 'ENOENT', permanent: true, random: 0.5 }], 'ENOENT'],
  ]
  for (const [what, events, reason] of failures)
    test(`when it ${what} the old one is started at once, with all its tries`, () => {
      const old = ready()

      const { machine, effects, states } = play(tried(old).machine, ...events)

      expect(effects).toContainEqual({ type: 'revert', run: 2, reason })
      expect(states.at(-1)).toBe('starting')
      expect(states).not.toContain('gave-up')
      expect(machine).toMatchObject({ run: 3, process: 'running', streak: 0, wasReady: true })
      expect([machine.policy, machine.fallback]).toEqual([old.policy, undefined])
      expect(play(machine, ...ends(3, 1)).states).toEqual(['backing-off'])
    })

  test('what is still said about the old process means nothing to the new one', () => {
    const { machine } = tried(ready())

    const late = play(machine, ...ends(1, 9), timer(1, 'grace'), healthy(1))

    expect([late.machine, late.effects]).toEqual([machine, []])
  })

  test('a stop in the middle is a stop', () => {
    const { machine, effects } = play(tried(ready()).machine, { type: 'stop' }, ...ends(2, 1))

    expect(machine.state).toBe('exited')
    expect(effects.filter(({ type }) => type === 'spawn' || type === 'revert')).toEqual([])
  })

  test('a second one on trial goes back to the one that was proven', () => {
    const proven = ready()
    const third = policy()
    const { machine } = play(tried(proven).machine, { type: 'replace', policy: third, fallback: other }, ...ends(2, 0))

    expect([machine.policy, machine.fallback]).toEqual([third, proven.policy])
  })

  test('a service that had given up can be given another program', () => {
    const givenUp = play(ready({}, { when: 'never' }), ...ends(1, 1)).machine
    expect(givenUp.state).toBe('gave-up')

    const { states, machine } = play(givenUp, { type: 'replace', policy: other, fallback: givenUp.policy })

    expect([states, machine.run]).toEqual([['starting'], 2])
  })
})
