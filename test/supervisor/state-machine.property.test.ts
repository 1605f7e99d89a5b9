import { expect, test } from 'bun:test'
import type { Probe, ServiceSpec } from '../../src/supervisor/service.ts'
import {
  type Effect,
  initialMachine,
  type MachineEvent,
  step,
  type TimerName,
} from '../../src/supervisor/state-machine.ts'
import { seededRandom } from '../fixtures/random.ts'
import { http } from './support.ts'

const SEQUENCES = 3_000
const EVENTS = 60

/**
 * A world that answers as the real one may: processes exit when they like, a sweep ends some time, timers fire in any
 * order once started, and late events of any run keep coming. It keeps account of what really runs.
 */
class World {
  machine
  readonly #random: () => number
  readonly #timers = new Map<TimerName, number>()
  readonly #live = new Set<number>()
  #sweeping: number | undefined
  #stopped = false
  #nowMs = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    const spec: Pick<ServiceSpec, 'ready' | 'watch' | 'restart' | 'stop'> = {
      ready: this.#pick<Probe>([http(1), { kind: 'spawned' }]),
      restart: {
        when: this.#pick(['always', 'on-failure', 'never']),
        backoffMs: [10, 100],
        resetAfterMs: 1_000,
        maxCrashes: this.#pick([0, 2, 50]),
        windowMs: 10_000,
      },
      stop: { signal: 'SIGTERM', graceMs: 100 },
      ...(this.#random() < 0.5 && { watch: { everyMs: 10, failures: 2, restartAfterMs: 50 } }),
    }
    this.machine = initialMachine(spec)
  }

  #pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.#random() * choices.length)] ?? choices[0]
  }

  dispatch(event: MachineEvent): void {
    if (event.type === 'stop' || event.type === 'kill' || event.type === 'retire') this.#stopped = true
    if (event.type === 'exited' && event.run === this.machine.run) this.#live.delete(event.run)
    this.#nowMs += Math.floor(this.#random() * 50)
    const { state, effects } = step(this.machine, event, this.#nowMs)
    this.machine = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        expect(this.#stopped).toBe(false)
        expect([...this.#live]).toEqual([])
        expect(this.#sweeping).toBeUndefined()
        this.#live.add(effect.run)
        break
      case 'sweep':
        expect(this.#sweeping).toBeUndefined()
        this.#sweeping = effect.run
        break
      case 'start-timer':
        this.#timers.set(effect.timer, effect.run)
        break
      case 'clear-timer':
        this.#timers.delete(effect.timer)
        break
      case 'clear-timers':
        this.#timers.clear()
        break
    }
  }

  /** Anything that may happen next, likely or not. */
  happen(): void {
    const run = Math.max(1, this.machine.run - (this.#random() < 0.2 ? 1 : 0))
    const random = this.#random()
    const chance = this.#random()
    if (chance < 0.25) this.fireTimer()
    else if (chance < 0.4) this.finishSweep()
    else if (chance < 0.55) this.dispatch({ type: 'probe', run, healthy: random < 0.5 })
    else if (chance < 0.7) this.dispatch({ type: 'spawned', run })
    else if (chance < 0.85) this.exit(this.#pick([0, 1]))
    else if (chance < 0.88 && this.#live.has(this.machine.run)) {
      this.#live.delete(this.machine.run)
      this.dispatch({ type: 'spawn-failed', run: this.machine.run, reason: 'EAGAIN', permanent: random < 0.2, random })
    } else if (chance < 0.92) this.dispatch({ type: 'restart' })
    else if (chance < 0.94) {
      const { policy } = this.machine
      const ready = this.#pick<Probe>([http(1), { kind: 'spawned' }])
      this.dispatch({ type: 'replace', policy: { ...policy, ready }, fallback: policy })
    } else if (chance < 0.96) this.dispatch({ type: 'needs-met' })
    else if (chance < 0.97) this.dispatch({ type: this.#pick(['stop', 'kill', 'retire']) })
    else this.dispatch({ type: 'exited', run: Math.max(0, run - 1), exit: { code: 1, signal: null } })
  }

  exit(code: number): void {
    if (this.#live.has(this.machine.run))
      this.dispatch({ type: 'exited', run: this.machine.run, exit: { code, signal: null } })
  }

  fireTimer(): void {
    const [timer] = this.#timers
    if (!timer) return
    this.#timers.delete(timer[0])
    // A process that cannot be killed counts as gone: nothing better can be known.
    if (timer[0] === 'lost') this.#live.clear()
    this.dispatch({ type: 'timer', timer: timer[0], run: timer[1] })
  }

  finishSweep(): void {
    const run = this.#sweeping
    if (run === undefined) return
    this.#sweeping = undefined
    this.dispatch({ type: 'swept', run, random: this.#random() })
  }

  get isQuiet(): boolean {
    return this.#live.size === 0 && this.#sweeping === undefined && this.#timers.size === 0
  }
}

test('no sequence of events makes two processes at once, a spawn after a stop, or a stop without an end', () => {
  const ends: Record<string, number> = {}
  for (let seed = 1; seed <= SEQUENCES; seed += 1) {
    const world = new World(seed)
    world.dispatch({ type: 'needs-met' })
    for (let count = 0; count < EVENTS; count += 1) world.happen()

    world.dispatch({ type: 'stop' })
    // From here on nothing comes but the timers that run and the ends of sweeps: the process ignores its signals.
    for (let count = 0; count < 10; count += 1) {
      world.fireTimer()
      world.finishSweep()
    }
    expect({ seed, state: world.machine.state, quiet: world.isQuiet }).toEqual({
      seed,
      state: expect.stringMatching(/^(exited|gave-up)$/),
      quiet: true,
    })
    ends[world.machine.state] = (ends[world.machine.state] ?? 0) + 1
  }
  expect(Object.keys(ends).sort()).toEqual(['exited', 'gave-up'])
})
