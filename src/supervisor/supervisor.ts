import { randomUUID } from 'node:crypto'
import { OpenworkError } from '../shared/errors.ts'
import type { Launcher } from './launcher.ts'
import { standOf, verifyNeeds } from './needs.ts'
import type { RunRecord } from './run-record.ts'
import type { ServiceExit, ServiceSnapshot, ServiceSpec, ServiceState, SupervisorEvent } from './service.ts'
import { ServiceRunner } from './service-runner.ts'

export type SuperviseOptions = {
  launcher: Launcher
  /** Where every process is written down before it counts as started. Closed by the caller, after `stop()`. */
  record?: RunRecord
  /** Told in order, synchronously. Must not throw; may call back into the supervisor. */
  onEvent?: (event: SupervisorEvent) => void
  nowMs?: () => number
  /** At least 0, below 1. */
  random?: () => number
}

/**
 * Starts services, each when what it needs has come far enough, and keeps them running until `stop()`, `kill()` or
 * disposal by the caller.
 *
 * @throws Error when the specs contradict each other; nothing was started then
 */
export function supervise(specs: readonly ServiceSpec[], options: SuperviseOptions): Supervisor {
  verifyNeeds(specs)
  return new Supervisor(specs, options)
}

type Waiter = {
  runner: ServiceRunner
  /** Only a state of this run or a later one counts. */
  run: number
  state: ServiceState
  resolve: (snapshot: ServiceSnapshot) => void
  reject: (error: OpenworkError) => void
}

export class Supervisor implements AsyncDisposable {
  readonly #runners: ReadonlyMap<string, ServiceRunner>
  readonly #waiters = new Set<Waiter>()
  readonly #stops = new Map<ServiceRunner, Promise<void>>()
  #stopping = false

  constructor(specs: readonly ServiceSpec[], { launcher, record, onEvent, nowMs, random }: SuperviseOptions) {
    const context = {
      launcher,
      record,
      nonce: record?.nonce ?? randomUUID(),
      tell: (event: SupervisorEvent) => this.#tell(event, onEvent),
      nowMs: nowMs ?? Date.now,
      random: random ?? Math.random,
      settled: () => this.#settle(),
    }
    this.#runners = new Map(specs.map(spec => [spec.name, new ServiceRunner(spec, context)]))
    this.#settle()
  }

  snapshot(): ServiceSnapshot[] {
    return [...this.#runners.values()].map(runner => runner.snapshot())
  }

  /** The states it entered last, oldest first; the `waiting` it began with is not among them. */
  history(name: string): ServiceState[] {
    return [...this.#runner(name).history]
  }

  /** How its last run ended; undefined when none has. */
  exit(name: string): ServiceExit | undefined {
    return this.#runner(name).machine.exit
  }

  /**
   * Resolves when the service is in this state: now, or as soon as it enters it.
   *
   * @throws OpenworkError `service_gave_up`, `service_exited` or `service_stopped` as soon as it cannot come to that
   * state any more without someone asking for a restart
   */
  reaches(name: string, state: ServiceState): Promise<ServiceSnapshot> {
    return this.#reaches(this.#runner(name), state, 0)
  }

  /** Resolves with the reason when the service gave up, ended for good or is being stopped. Never rejects. */
  ended(name: string): Promise<OpenworkError> {
    const runner = this.#runner(name)
    return this.#reaches(runner, 'gave-up', 0).then(
      () => gone(runner, 'service_gave_up'),
      (error: OpenworkError) => error,
    )
  }

  /**
   * Ends the service and starts it again, also when it had given up. Resolves when the new run is ready.
   *
   * @throws OpenworkError as `reaches` does
   */
  restart(name: string): Promise<ServiceSnapshot> {
    const runner = this.#runner(name)
    const ready = this.#reaches(runner, 'ready', runner.machine.run + 1)
    runner.dispatch({ type: 'restart' })
    return ready
  }

  /**
   * Ends the service and tries another program in its place: resolves when that one is ready. When it fails before that,
   * `fallback` (by default what the service is now) is started again, and this throws once it is ready: the service is
   * up, the try was in vain.
   *
   * @throws OpenworkError `service_not_replaced`; as `reaches` does, when the fallback does not come up either
   */
  async replace(spec: ServiceSpec, fallback?: ServiceSpec): Promise<ServiceSnapshot> {
    const runner = this.#runner(spec.name)
    const run = runner.machine.run + 1
    const ready = this.#reaches(runner, 'ready', run)
    runner.replace(spec, fallback ?? runner.spec)
    const snapshot = await ready
    const failed = runner.failedTry
    if (failed === undefined || failed.run < run) return snapshot
    throw new OpenworkError('service_not_replaced', `the new ${spec.name} did not come up: ${failed.reason}`, {
      details: { service: spec.name, reason: failed.reason, exit: snapshot.exit, lastLines: snapshot.lastLines },
    })
  }

  /** Ends all services, each after those that need it. Resolves when nothing of them is left. May be called again. */
  async stop(): Promise<void> {
    this.#stopping = true
    const runners = [...this.#runners.values()]
    for (const runner of runners) runner.dispatch({ type: 'retire' })
    await Promise.all(runners.map(runner => this.#stopAfterDependents(runner)))
  }

  /**
   * SIGKILL for everything before this returns: for the second signal of an impatient user. `stop()` afterwards waits
   * until nothing is left.
   */
  kill(): void {
    this.#stopping = true
    for (const runner of this.#runners.values()) runner.killNow()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #runner(name: string): ServiceRunner {
    const runner = this.#runners.get(name)
    if (!runner) throw new Error(`No service is named ${name}`)
    return runner
  }

  #stopAfterDependents(runner: ServiceRunner): Promise<void> {
    const known = this.#stops.get(runner)
    if (known) return known
    const dependents = [...this.#runners.values()].filter(({ spec }) =>
      spec.needs.some(need => need.service === runner.spec.name),
    )
    const stopped = Promise.all(dependents.map(dependent => this.#stopAfterDependents(dependent))).then(() => {
      runner.dispatch({ type: 'stop' })
      return this.#over(runner)
    })
    this.#stops.set(runner, stopped)
    return stopped
  }

  async #over(runner: ServiceRunner): Promise<void> {
    if (runner.isOver) return
    await this.#reaches(runner, 'exited', 0)
  }

  #reaches(runner: ServiceRunner, state: ServiceState, run: number): Promise<ServiceSnapshot> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { runner, run, state, resolve, reject }
      this.#waiters.add(waiter)
      this.#resolve(waiter, runner.machine.state)
      this.#reject(waiter)
    })
  }

  #tell(event: SupervisorEvent, onEvent: SuperviseOptions['onEvent']): void {
    onEvent?.(event)
    if (event.type !== 'state') return
    // Here and not when all is settled: a state may be left again before that.
    for (const waiter of this.#waiters)
      if (waiter.runner.spec.name === event.service) this.#resolve(waiter, event.state)
  }

  #resolve(waiter: Waiter, state: ServiceState): void {
    if (state !== waiter.state || waiter.runner.machine.run < waiter.run) return
    this.#waiters.delete(waiter)
    waiter.resolve(waiter.runner.snapshot())
  }

  #reject(waiter: Waiter): void {
    const error = impossible(waiter)
    if (!error || !this.#waiters.delete(waiter)) return
    waiter.reject(error)
  }

  /** After something happened to a service: start those that waited for it, and end waiting that is in vain. */
  #settle(): void {
    for (const waiter of this.#waiters) this.#reject(waiter)
    if (this.#stopping) return
    for (const runner of this.#runners.values()) if (runner.machine.state === 'waiting') this.#tryStart(runner)
  }

  #tryStart(runner: ServiceRunner): void {
    const stands = runner.spec.needs.map(need => ({ need, stand: standOf(need, this.#runner(need.service).machine) }))
    const failed = stands.find(({ stand }) => stand === 'failed')
    if (failed) {
      const { service } = failed.need
      const ended = this.#runner(service).machine.state === 'exited' ? 'has exited' : 'gave up'
      runner.dispatch({ type: 'needs-failed', reason: `needs ${service}, which ${ended}` })
    } else if (stands.every(({ stand }) => stand === 'met')) {
      runner.dispatch({ type: 'needs-met' })
    }
  }
}

/** Why a waiter need wait no longer. */
function impossible({ runner, state: wanted, run }: Waiter): OpenworkError | undefined {
  const { state, final, run: current } = runner.machine
  if (state === wanted && current >= run) return undefined
  const past = final || current >= run
  if (state === 'gave-up' && past) return gone(runner, 'service_gave_up')
  if (final && (state === 'exited' || (state === 'stopping' && wanted !== 'exited')))
    return gone(runner, 'service_stopped')
  return state === 'exited' && past ? gone(runner, 'service_exited') : undefined
}

function gone(runner: ServiceRunner, code: 'service_gave_up' | 'service_stopped' | 'service_exited'): OpenworkError {
  const { name, reason, exit, lastLines } = runner.snapshot()
  const what = { service_gave_up: 'gave up', service_stopped: 'was stopped', service_exited: 'has ended' }[code]
  return new OpenworkError(code, `${name} ${what}${reason === undefined ? '' : `: ${reason}`}`, {
    details: { service: name, reason, exit, lastLines },
  })
}
