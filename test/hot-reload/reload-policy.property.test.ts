import { expect, test } from 'bun:test'
import type { EngineWork, FileChange } from '../../src/api/hot-reload.ts'
import type { Look } from '../../src/hot-reload/file-watch.ts'
import { type Action, initialState, isTimed, type PolicyEvent, step } from '../../src/hot-reload/reload-policy.ts'
import { seededRandom } from '../fixtures/random.ts'

const SEQUENCES = 2_000
const EVENTS = 150
const FILES = ['/w/a.md', '/w/b.md', '/w/c.md']
const IDLE: EngineWork = { sessions: [], permissions: [], questions: [], terminals: [] }
const BUSY: EngineWork = { ...IDLE, sessions: ['ses_1'] }

type InTurn = Exclude<Action, { type: 'queue' }> | { type: 'by-hand' }

/**
 * A directory, its opencode and the people around them, who do as they like. What is written and what opencode has read
 * is accounted for here, apart from the policy.
 */
class World {
  state
  readonly #random: () => number
  readonly #disk = FILES.map(() => 0)
  readonly #read = FILES.map(() => 0)
  #hasLoop: boolean
  /** The version of the first file that the plugin has written. */
  #ownVersion = -1
  #version = 0
  #turns = 0
  #inTurn: InTurn | undefined
  /** What the look in flight, or the last one, saw. */
  #saw: readonly number[] = this.#disk
  #isBusy = false
  #isBroken = false
  #isDown = false
  #isStuck = false
  #nowMs = 0
  #endedMs = Number.NEGATIVE_INFINITY
  reloads = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#hasLoop = this.#random() < 0.2
    const times = { debounceMs: 100, cooldownMs: this.#chance(0.5) ? 300 : 0, deadlineMs: 2_000 }
    this.state = initialState(times)
  }

  #chance(share: number): boolean {
    return this.#random() < share
  }

  #dispatch(event: PolicyEvent): void {
    const { state, action } = step(this.state, event, this.#nowMs)
    this.state = state
    if (action?.type === 'queue') this.#turns += 1
    else if (action) this.#begin(action)
  }

  #begin(action: InTurn): void {
    expect(this.#inTurn, 'one thing at a time').toBeUndefined()
    this.#inTurn = action
    if (action.type === 'look') this.#saw = [...this.#disk]
    if (action.type !== 'reload') return
    expect(this.#isBusy, 'no work is going on').toBe(false)
    expect(this.#nowMs, 'after the cooldown').toBeGreaterThanOrEqual(this.#endedMs + this.state.times.cooldownMs)
    expect(action.look.problems, 'no file is broken').toEqual([])
  }

  #looked(): PolicyEvent {
    const differing = FILES.map((path, index) => ({ path, version: this.#saw[index] ?? 0, index })).filter(
      ({ version, index }) => version !== this.#read[index],
    )
    const look: Look = {
      changes: differing.map(({ path }): FileChange => ({ kind: 'agent', action: 'changed', path })),
      problems: this.#isBroken ? [{ path: '/w/opencode.json', message: 'broken' }] : [],
      needsRestart: false,
      writtenAtMs: new Map(differing.map(({ path, version }) => [path, version])),
    }
    const own = differing.filter(({ version }) => version === this.#ownVersion).map(({ path }) => path)
    return { type: 'looked', look, own }
  }

  #write(file = Math.floor(this.#random() * FILES.length)): void {
    this.#version += 1
    this.#disk[file] = this.#version
    this.#dispatch({ type: 'hint' })
  }

  #finish(): void {
    const action = this.#inTurn
    this.#inTurn = undefined
    if (!action) return
    const event = this.#outcome(action)
    if (event.type === 'reloaded') {
      this.#saw.forEach((version, index) => {
        this.#read[index] = version
      })
      this.reloads += 1
      this.#endedMs = this.#nowMs
    }
    this.#dispatch(event)
    // A plugin that writes whenever it starts.
    if (event.type !== 'reloaded' || !this.#hasLoop) return
    this.#ownVersion = this.#version + 1
    this.#write(0)
  }

  #outcome(action: InTurn): PolicyEvent {
    if (action.type === 'by-hand')
      return this.#isDown || this.#chance(0.5) ? { type: 'given-back' } : { type: 'reloaded', isComplete: true }
    if (this.#isDown) return { type: 'unreachable' }
    if (action.type === 'look') return this.#looked()
    if (action.type === 'ask') return { type: 'worked', work: this.#isBusy ? BUSY : IDLE }
    if (action.extent === 'engine') this.#isStuck = false
    if (!this.#isStuck && !this.#isBroken) return { type: 'reloaded', isComplete: true }
    const isFresh = !this.#isStuck
    if (isFresh) this.#endedMs = this.#nowMs
    this.#isStuck = true
    return { type: 'refused', problems: [{ path: '/w/opencode.json', message: 'refused' }], isFresh }
  }

  #takeByHand(): void {
    if (this.#inTurn) return
    this.#dispatch({ type: 'taken' })
    this.#saw = [...this.#disk]
    this.#inTurn = { type: 'by-hand' }
  }

  #giveTurn(): void {
    if (this.#inTurn || this.#turns === 0) return
    this.#turns -= 1
    this.#dispatch({ type: 'turn' })
  }

  live(): void {
    this.#nowMs += Math.floor(this.#random() * 120)
    const dice = this.#random()
    if (dice < 0.2) this.#write()
    else if (dice < 0.25) this.#isBusy = !this.#isBusy
    else if (dice < 0.27) this.#isBroken = !this.#isBroken
    else if (dice < 0.29) this.#isDown = !this.#isDown
    else if (dice < 0.31) this.#takeByHand()
    else if (dice < 0.33) this.#dispatch({ type: 'restarted' })
    else if (dice < 0.4) this.#dispatch({ type: 'may-be-idle' })
    else if (dice < 0.6) this.#dispatch({ type: 'timer' })
    else if (dice < 0.8) this.#giveTurn()
    else this.#finish()
    this.#check()
  }

  #isCurrent(): boolean {
    return this.#disk.every((version, index) => version === this.#read[index])
  }

  #check(): void {
    if (!this.#isCurrent()) expect(this.state.phase, 'a change is not forgotten').not.toBe('current')
  }

  /** Nothing stands in the way any more; what is pending is done. */
  quiesce(): void {
    this.#isBusy = this.#isBroken = this.#isDown = false
    // What was broken is written anew.
    if (this.state.phase === 'blocked') this.#dispatch({ type: 'hint' })
    for (let round = 0; round < 500; round += 1) {
      // A loop comes to rest, and ends.
      if (this.state.phase === 'looping') this.#hasLoop = false
      if (isTimed(this.state)) this.#nowMs = Math.max(this.#nowMs, this.state.dueMs)
      this.#dispatch({ type: 'timer' })
      this.#dispatch({ type: 'may-be-idle' })
      this.#giveTurn()
      this.#finish()
      if (this.state.phase === 'blocked') this.#dispatch({ type: 'hint' })
    }
    expect(this.state.phase).toBe('current')
    expect(this.#isCurrent()).toBe(true)
  }
}

test('no sequence of events reloads while work goes on, too often or twice at once, or forgets a change', () => {
  let reloads = 0
  for (let seed = 0; seed < SEQUENCES; seed += 1) {
    const world = new World(seed)
    for (let event = 0; event < EVENTS; event += 1) world.live()
    world.quiesce()
    reloads += world.reloads
  }
  // It would be easy to keep all of that by never reloading.
  expect(reloads).toBeGreaterThan(SEQUENCES)
})
