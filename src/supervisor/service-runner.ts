import { messageOf } from '../shared/errors.ts'
import { type Launched, type Launcher, SpawnError } from './launcher.ts'
import { LastLines } from './lines.ts'
import { pause } from './pause.ts'
import { askUntilReady, keepAsking } from './probe.ts'
import type { RunRecord } from './run-record.ts'
import type { OutputStream, ServiceSnapshot, ServiceSpec, ServiceState, SupervisorEvent } from './service.ts'
import { spawnMarker } from './spawn-marker.ts'
import { type Effect, initialMachine, type Machine, type MachineEvent, step, type TimerName } from './state-machine.ts'

export type RunnerContext = {
  launcher: Launcher
  record: RunRecord | undefined
  nonce: string
  tell: (event: SupervisorEvent) => void
  nowMs: () => number
  random: () => number
  /** After every event: the visible state may be another. */
  settled: () => void
}

/** A service that falls and rises for months must not fill memory with it. */
const MAX_HISTORY = 1_000

/** Performs for one service what its state machine asks for, and tells the machine what came of it. */
export class ServiceRunner {
  #spec: ServiceSpec
  /** While another program is tried: the one from before. */
  #fallback: ServiceSpec | undefined
  /** The last run of a program that was tried in vain, and why it was. */
  #failedTry: { run: number; reason: string } | undefined
  /** The states entered last, oldest first; `waiting` from before the start is not among them. */
  readonly history: ServiceState[] = []
  readonly #context: RunnerContext
  readonly #lastLines = new LastLines()
  readonly #timers = new Map<TimerName, ReturnType<typeof setTimeout>>()
  readonly #queue: MachineEvent[] = []
  #machine: Machine
  #busy = false
  /** Of the present run, until its sweep is over. */
  #launched: Launched | undefined
  #probing: AbortController | undefined
  /** Resolved by the line that the readiness probe waits for. */
  #lineSeen = Promise.withResolvers<void>()
  #startedAtMs: number | undefined
  #readyAtMs: number | undefined

  constructor(spec: ServiceSpec, context: RunnerContext) {
    this.#spec = spec
    this.#context = context
    this.#machine = initialMachine(spec)
  }

  get spec(): ServiceSpec {
    return this.#spec
  }

  get machine(): Machine {
    return this.#machine
  }

  get failedTry(): { run: number; reason: string } | undefined {
    return this.#failedTry
  }

  /** Nothing of it runs, and nothing will by itself. */
  get isOver(): boolean {
    const { state, process } = this.#machine
    return process === 'none' && (state === 'exited' || state === 'gave-up')
  }

  snapshot(): ServiceSnapshot {
    const { state, restarts, exit, reason, process } = this.#machine
    return {
      name: this.spec.name,
      state,
      restarts,
      lastLines: this.#lastLines.toArray(),
      ...(process === 'running' && this.#launched && { pid: this.#launched.pid }),
      ...(this.#startedAtMs !== undefined && { startedAtMs: this.#startedAtMs }),
      ...(this.#readyAtMs !== undefined && { readyAtMs: this.#readyAtMs }),
      ...(exit && { exit }),
      ...(reason !== undefined && { reason }),
    }
  }

  /** Events from within an effect or a listener wait until the one in work is done with. */
  dispatch(event: MachineEvent): void {
    this.#queue.push(event)
    if (this.#busy) return
    this.#busy = true
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const { state, effects } = step(this.#machine, next, this.#context.nowMs())
        this.#machine = state
        for (const effect of effects) this.#perform(effect)
      }
    } finally {
      this.#busy = false
    }
    this.#context.settled()
  }

  /** Ends what runs and tries another program in its place; `fallback` comes back when that one fails. */
  replace(spec: ServiceSpec, fallback: ServiceSpec): void {
    if (this.#machine.final) return
    // One that is itself on trial is nothing to go back to.
    if (this.#machine.fallback === undefined) this.#fallback = fallback
    this.#spec = spec
    this.dispatch({ type: 'replace', policy: spec, fallback })
  }

  /** SIGKILL for all of it before this returns, whatever the machine is at. */
  killNow(): void {
    this.#launched?.killNow()
    this.dispatch({ type: 'kill' })
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        this.#spawn(effect.run)
        break
      case 'signal':
        this.#launched?.signal(effect.signal)
        break
      case 'kill':
        this.#launched?.killNow()
        break
      case 'sweep':
        void this.#sweep(effect.run, effect.graceMs)
        break
      case 'start-timer':
        this.#startTimer(effect)
        break
      case 'clear-timer':
        this.#clearTimer(effect.timer)
        break
      case 'clear-timers':
        for (const timer of this.#timers.keys()) this.#clearTimer(timer)
        break
      case 'start-probing':
        this.#startProbing(effect.run, effect.purpose)
        break
      case 'stop-probing':
        this.#probing?.abort()
        break
      case 'report':
        this.#report(effect)
        break
      case 'revert':
        this.#revert(effect)
        break
    }
  }

  #spawn(run: number): void {
    this.#lineSeen = Promise.withResolvers()
    this.#readyAtMs = undefined
    let launched: Launched
    try {
      launched = this.#context.launcher.launch(
        this.spec,
        { nonce: this.#context.nonce, generation: run },
        {
          line: (stream, text) => this.#line(stream, text, launched.pid),
          exited: exit => this.dispatch({ type: 'exited', run, exit }),
        },
      )
    } catch (error) {
      if (!(error instanceof SpawnError)) throw error
      const { message: reason, permanent } = error
      this.dispatch({ type: 'spawn-failed', run, reason, permanent, random: this.#context.random() })
      return
    }
    this.#launched = launched
    this.#startedAtMs = this.#context.nowMs()
    void this.#confirm(launched, run)
  }

  async #confirm({ pid }: Launched, run: number): Promise<void> {
    const { record, nonce } = this.#context
    const { name: service } = this.spec
    await this.#noted(record?.noteSpawn({ service, pid, group: pid, marker: spawnMarker(nonce, service, run) }))
    this.dispatch({ type: 'spawned', run })
  }

  async #sweep(run: number, graceMs: number): Promise<void> {
    const launched = this.#launched
    if (launched) {
      await launched.sweep(graceMs)
      await this.#noted(this.#context.record?.noteExit(launched.pid))
    }
    this.#launched = undefined
    this.dispatch({ type: 'swept', run, random: this.#context.random() })
  }

  /** A full disk does not stop a service: on Linux its marker alone finds it after a crash of ours. */
  async #noted(written: Promise<void> | undefined): Promise<void> {
    try {
      await written
    } catch (cause) {
      const message = `the run record could not be written: ${messageOf(cause)}`
      this.#context.tell({ type: 'warning', service: this.spec.name, message, cause })
    }
  }

  #revert({ run, reason }: Extract<Effect, { type: 'revert' }>): void {
    this.#spec = this.#fallback ?? this.#spec
    this.#failedTry = { run, reason }
    const { name } = this.#spec
    const message = `the new ${name} did not come up, going back to the one from before`
    this.#context.tell({ type: 'warning', service: name, message, cause: reason })
  }

  #startTimer({ run, timer, afterMs }: Extract<Effect, { type: 'start-timer' }>): void {
    this.#clearTimer(timer)
    const fire = () => {
      this.#timers.delete(timer)
      this.dispatch({ type: 'timer', run, timer })
    }
    this.#timers.set(timer, setTimeout(fire, afterMs))
  }

  #clearTimer(timer: TimerName): void {
    clearTimeout(this.#timers.get(timer))
    this.#timers.delete(timer)
  }

  #startProbing(run: number, purpose: 'readiness' | 'watch'): void {
    this.#probing?.abort()
    const { ready, watch } = this.spec
    if (ready.kind !== 'http') return
    const probing = new AbortController()
    this.#probing = probing
    const tell = (healthy: boolean) => this.dispatch({ type: 'probe', run, healthy })
    if (purpose === 'watch') {
      if (watch) void keepAsking(ready, watch.everyMs, tell, probing.signal)
      return
    }
    const limitMs = ready.withinMs / 2
    const mayAsk = ready.afterLine
      ? Promise.race([this.#lineSeen.promise, pause(limitMs, probing.signal)])
      : Promise.resolve()
    void askUntilReady(ready, mayAsk, probing.signal).then(healthy => healthy && tell(true))
  }

  #line(stream: OutputStream, text: string, pid: number): void {
    this.#lastLines.add(text)
    const { ready } = this.spec
    if (ready.kind === 'http' && ready.afterLine?.test(text)) this.#lineSeen.resolve()
    this.#context.tell({ type: 'line', service: this.spec.name, stream, pid, text })
  }

  #report({ previous, nextTryInMs }: Extract<Effect, { type: 'report' }>): void {
    const { pid, state, restarts, reason, exit, lastLines, name } = this.snapshot()
    const atMs = this.#context.nowMs()
    if (state === 'ready' && previous === 'starting') this.#readyAtMs = atMs
    this.history.push(state)
    if (this.history.length > MAX_HISTORY) this.history.shift()
    this.#context.tell({
      type: 'state',
      service: name,
      state,
      previous,
      atMs,
      restarts,
      ...(pid !== undefined && { pid }),
      ...(reason !== undefined && { reason }),
      ...(exit && { exit }),
      ...((state === 'backing-off' || state === 'gave-up') && { lastLines }),
      ...(nextTryInMs !== undefined && { nextTryInMs }),
    })
  }
}
