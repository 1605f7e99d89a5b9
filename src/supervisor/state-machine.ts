import type { ServiceExit, ServiceSpec, ServiceState } from './service.ts'

/** How long after SIGKILL we wait for an exit that may never come: a process stuck in the kernel cannot be killed. */
const LOST_AFTER_MS = 5_000

export type Policy = Pick<ServiceSpec, 'ready' | 'watch' | 'restart' | 'stop'>

/** Everything known about one service, as a value. Made by `initialMachine`, changed only by `step`. */
export type Machine = {
  readonly policy: Policy
  /**
   * While another program is tried in the place of one that ran: what to go back to when it fails before it is ready.
   */
  readonly fallback: Policy | undefined
  readonly state: ServiceState
  /** The number of the latest spawn. What carries another number is late and ignored. */
  readonly run: number
  /** `ending`: the main process is gone, the rest of its group is being cleared away. */
  readonly process: 'none' | 'running' | 'ending'
  /** What follows when the process has ended; `judge` looks at how it ended. */
  readonly after: 'judge' | 'restart' | 'crash' | 'give-up' | 'exit'
  /** Set by a stop, never cleared: from here on nothing is spawned. */
  readonly final: boolean
  /** End of the grace period, while stopping. */
  readonly graceEndsMs: number
  /** When it crashed, within the policy's window. */
  readonly crashesMs: readonly number[]
  /** Crashes since it last was stable: the exponent of the back-off. */
  readonly streak: number
  /** Some run of it became ready: what ails it now may pass. */
  readonly wasReady: boolean
  /** Failed watch tries in a row. */
  readonly failures: number
  readonly restarts: number
  readonly exit: ServiceExit | undefined
  readonly reason: string | undefined
}

export type TimerName = 'ready-limit' | 'stable' | 'unhealthy' | 'grace' | 'lost' | 'back-off'

/** `random` is at least 0 and below 1; it spreads the back-off. */
export type MachineEvent =
  | { type: 'needs-met' }
  | { type: 'needs-failed'; reason: string }
  | { type: 'spawned'; run: number }
  | { type: 'spawn-failed'; run: number; reason: string; permanent: boolean; random: number }
  | { type: 'exited'; run: number; exit: ServiceExit }
  /** Nothing is left of the group of a process that exited. */
  | { type: 'swept'; run: number; random: number }
  | { type: 'probe'; run: number; healthy: boolean }
  | { type: 'timer'; run: number; timer: TimerName }
  /** Asked for by a person: also ends a back-off and a `gave-up`, and forgets earlier crashes. */
  | { type: 'restart' }
  /**
   * The same with another program, once: where it would be tried again or given up, the program from before comes back.
   */
  | { type: 'replace'; policy: Policy; fallback: Policy }
  /** A stop is coming: carry on, but spawn nothing any more. */
  | { type: 'retire' }
  | { type: 'stop' }
  | { type: 'kill' }

export type Effect =
  | { type: 'spawn'; run: number }
  | { type: 'signal'; signal: NodeJS.Signals }
  | { type: 'kill' }
  /** Clear away what the main process left behind, giving it `graceMs` to end by itself, then report `swept`. */
  | { type: 'sweep'; run: number; graceMs: number }
  /** Replaces a running timer of the same name. */
  | { type: 'start-timer'; run: number; timer: TimerName; afterMs: number }
  | { type: 'clear-timer'; timer: TimerName }
  | { type: 'clear-timers' }
  /** Ends a probing that runs already. */
  | { type: 'start-probing'; run: number; purpose: 'readiness' | 'watch' }
  | { type: 'stop-probing' }
  | { type: 'report'; previous: ServiceState; nextTryInMs?: number }
  /** The program that was tried has failed: from the next spawn on it is the one from before. */
  | { type: 'revert'; run: number; reason: string }

export type Step = { state: Machine; effects: readonly Effect[] }

export const initialMachine = (policy: Policy): Machine => ({
  policy,
  fallback: undefined,
  state: 'waiting',
  run: 0,
  process: 'none',
  after: 'judge',
  final: false,
  graceEndsMs: 0,
  crashesMs: [],
  streak: 0,
  wasReady: false,
  failures: 0,
  restarts: 0,
  exit: undefined,
  reason: undefined,
})

/** What happens to a service, and what has to be done about it. Pure: the runner performs the effects in their order. */
export function step(machine: Machine, event: MachineEvent, nowMs: number): Step {
  switch (event.type) {
    case 'needs-met':
      return machine.state === 'waiting' && !machine.final ? spawn(machine) : unchanged(machine)
    case 'needs-failed':
      return machine.state === 'waiting' ? enter(machine, 'gave-up', { reason: event.reason }) : unchanged(machine)
    case 'restart':
      return restart(machine, nowMs)
    case 'replace':
      return replace(machine, event, nowMs)
    case 'retire':
      return retire(machine)
    case 'stop':
      return stop(machine, nowMs)
    case 'kill':
      return kill(machine)
    case 'spawned':
    case 'spawn-failed':
    case 'exited':
    case 'swept':
    case 'probe':
    case 'timer':
      return event.run === machine.run ? stepRun(machine, event, nowMs) : unchanged(machine)
  }
}

type RunEvent = Extract<MachineEvent, { run: number }>

/** Events of the run that is current. */
function stepRun(machine: Machine, event: RunEvent, nowMs: number): Step {
  switch (event.type) {
    case 'spawned':
      return spawned(machine)
    case 'spawn-failed':
      return machine.process === 'running' ? spawnFailed(machine, event, nowMs) : unchanged(machine)
    case 'exited':
      return machine.process === 'running' ? exited(machine, event.exit, nowMs) : unchanged(machine)
    case 'swept':
      return machine.process === 'ending' ? swept(machine, event.random, nowMs) : unchanged(machine)
    case 'probe':
      if (machine.process !== 'running') return unchanged(machine)
      return event.healthy ? probeSucceeded(machine) : probeFailed(machine)
    case 'timer':
      return timerFired(machine, event.timer, nowMs)
  }
}

function spawn(machine: Machine): Step {
  const run = machine.run + 1
  const started: Partial<Machine> = { run, process: 'running', after: 'judge', failures: 0, reason: undefined }
  const limit: Effect[] =
    machine.policy.ready.kind === 'http'
      ? [{ type: 'start-timer', run, timer: 'ready-limit', afterMs: machine.policy.ready.withinMs }]
      : []
  // Spawned before it is told, so that the pid is told with it.
  const { state, effects } = enter(machine, 'starting', started, ...limit)
  return { state, effects: [{ type: 'spawn', run }, ...effects] }
}

function respawn(machine: Machine): Step {
  return spawn({ ...machine, restarts: machine.restarts + 1 })
}

function spawned(machine: Machine): Step {
  if (machine.state !== 'starting' || machine.process !== 'running') return unchanged(machine)
  if (machine.policy.ready.kind === 'spawned') return becomeReady(machine)
  return change(machine, {}, { type: 'start-probing', run: machine.run, purpose: 'readiness' })
}

function becomeReady(machine: Machine): Step {
  const { policy, run } = machine
  return enter(
    machine,
    'ready',
    { failures: 0, reason: undefined, wasReady: true, fallback: undefined },
    { type: 'clear-timer', timer: machine.state === 'unhealthy' ? 'unhealthy' : 'ready-limit' },
    { type: 'start-timer', run, timer: 'stable', afterMs: policy.restart.resetAfterMs },
    policy.watch ? { type: 'start-probing', run, purpose: 'watch' } : { type: 'stop-probing' },
  )
}

function probeSucceeded(machine: Machine): Step {
  if (machine.state === 'starting' || machine.state === 'unhealthy') return becomeReady(machine)
  return machine.failures > 0 ? change(machine, { failures: 0 }) : unchanged(machine)
}

/** Before readiness a failed try means nothing: the limit for all tries together decides. */
function probeFailed(machine: Machine): Step {
  const { policy, run, state } = machine
  if (state !== 'ready' || !policy.watch) return unchanged(machine)
  const failures = machine.failures + 1
  if (failures < policy.watch.failures) return change(machine, { failures })
  return enter(
    machine,
    'unhealthy',
    { failures, reason: `${failures} health checks in a row failed` },
    { type: 'clear-timer', timer: 'stable' },
    { type: 'start-timer', run, timer: 'unhealthy', afterMs: policy.watch.restartAfterMs },
  )
}

function timerFired(machine: Machine, timer: TimerName, nowMs: number): Step {
  const { policy, state, run } = machine
  if (timer === 'back-off') return state === 'backing-off' && !machine.final ? respawn(machine) : unchanged(machine)
  if (machine.process !== 'running') return unchanged(machine)
  switch (timer) {
    case 'ready-limit':
      if (state !== 'starting' || policy.ready.kind !== 'http') return unchanged(machine)
      // The limit is a promise to whoever waits for a first start; later the same program is worth further tries.
      return end(machine, machine.wasReady ? 'crash' : 'give-up', `not ready within ${policy.ready.withinMs} ms`, nowMs)
    case 'stable':
      return state === 'ready' ? change(machine, { streak: 0, crashesMs: [] }) : unchanged(machine)
    case 'unhealthy':
      if (state !== 'unhealthy' || !policy.watch) return unchanged(machine)
      return end(machine, 'crash', `unhealthy for ${policy.watch.restartAfterMs} ms`, nowMs)
    case 'grace':
      if (state !== 'stopping') return unchanged(machine)
      return change(machine, {}, { type: 'kill' }, { type: 'start-timer', run, timer: 'lost', afterMs: LOST_AFTER_MS })
    case 'lost':
      return state === 'stopping' ? exited(machine, { code: null, signal: null }, nowMs) : unchanged(machine)
  }
}

/** Ends the running process: the stop signal now, SIGKILL after the grace period. */
function end(machine: Machine, after: Machine['after'], reason: string | undefined, nowMs: number): Step {
  const { signal, graceMs } = machine.policy.stop
  return enter(
    machine,
    'stopping',
    { after, reason, graceEndsMs: nowMs + graceMs },
    { type: 'stop-probing' },
    { type: 'clear-timers' },
    { type: 'signal', signal },
    { type: 'start-timer', run: machine.run, timer: 'grace', afterMs: graceMs },
  )
}

function spawnFailed(machine: Machine, event: Extract<RunEvent, { type: 'spawn-failed' }>, nowMs: number): Step {
  const idle: Machine = { ...machine, process: 'none' }
  if (machine.final) return enter(idle, 'exited', {}, { type: 'clear-timers' })
  if (machine.fallback) return withEffect({ type: 'clear-timers' }, revert(idle, machine.fallback, event.reason))
  if (event.permanent) return enter(idle, 'gave-up', { reason: event.reason }, { type: 'clear-timers' })
  return withEffect({ type: 'clear-timers' }, crash(idle, event.reason, event.random, nowMs))
}

function exited(machine: Machine, exit: ServiceExit, nowMs: number): Step {
  // A stop lets the whole group have the grace period; after a crash only the next start counts.
  const gentle = machine.state === 'stopping' && machine.after !== 'crash'
  const graceMs = gentle ? Math.max(0, machine.graceEndsMs - nowMs) : 0
  return change(
    machine,
    { process: 'ending', exit },
    { type: 'stop-probing' },
    { type: 'clear-timers' },
    { type: 'sweep', run: machine.run, graceMs },
  )
}

function swept(machine: Machine, random: number, nowMs: number): Step {
  const idle: Machine = { ...machine, process: 'none' }
  if (machine.final) return enter(idle, 'exited')
  if (machine.fallback && machine.after !== 'restart')
    return revert(idle, machine.fallback, machine.reason ?? describeExit(machine.exit))
  switch (machine.after) {
    case 'exit':
      return enter(idle, 'exited')
    case 'restart':
      return respawn(idle)
    case 'crash':
      return crash(idle, machine.reason ?? describeExit(machine.exit), random, nowMs)
    case 'give-up':
      return enter(idle, 'gave-up', { reason: machine.reason })
    case 'judge': {
      const reason = describeExit(machine.exit)
      if (isHopeless(machine)) return enter(idle, 'gave-up', { reason })
      const fine = machine.exit?.code === 0 && machine.policy.restart.when !== 'always'
      return fine ? enter(idle, 'exited', { reason }) : crash(idle, reason, random, nowMs)
    }
  }
}

/** It said itself, before it ever was ready, that trying again is useless. */
const isHopeless = ({ wasReady, exit, policy }: Machine): boolean =>
  !wasReady && exit?.code != null && (policy.restart.hopelessExitCodes?.includes(exit.code) ?? false)

/** It failed and nothing of it runs any more: try again after a pause, or give up. */
function crash(machine: Machine, reason: string, random: number, nowMs: number): Step {
  const { when, backoffMs, maxCrashes, windowMs } = machine.policy.restart
  if (when === 'never') return enter(machine, 'gave-up', { reason })
  const crashesMs = [...machine.crashesMs.filter(atMs => atMs > nowMs - windowMs), nowMs]
  // The row counts as well as the window: tries that each take long would never be too many within it.
  if (crashesMs.length > maxCrashes || machine.streak >= maxCrashes) {
    const crashes = Math.max(crashesMs.length, machine.streak + 1)
    return enter(machine, 'gave-up', { crashesMs, reason: `${reason}; ${crashes} crashes, ${maxCrashes} are allowed` })
  }
  const [first, cap] = backoffMs
  const fullMs = Math.min(cap, first * 2 ** machine.streak)
  // Half fixed, half random: services that fell together do not come back together.
  const afterMs = Math.round((fullMs * (1 + random)) / 2)
  const next: Machine = { ...machine, state: 'backing-off', crashesMs, streak: machine.streak + 1, reason }
  return {
    state: next,
    effects: [
      { type: 'report', previous: machine.state, nextTryInMs: afterMs },
      { type: 'start-timer', run: machine.run, timer: 'back-off', afterMs },
    ],
  }
}

function restart(machine: Machine, nowMs: number): Step {
  if (machine.final || machine.state === 'waiting') return unchanged(machine)
  const fresh: Machine = { ...machine, crashesMs: [], streak: 0 }
  if (machine.process === 'none') return withEffect({ type: 'clear-timers' }, respawn(fresh))
  if (machine.process === 'ending' || machine.state === 'stopping') return change(fresh, { after: 'restart' })
  return end(fresh, 'restart', 'restart asked for', nowMs)
}

function replace(machine: Machine, event: Extract<MachineEvent, { type: 'replace' }>, nowMs: number): Step {
  if (machine.final) return unchanged(machine)
  const { policy } = event
  if (machine.state === 'waiting') return change(machine, { policy })
  const tried = { policy, fallback: machine.fallback ?? event.fallback, wasReady: false }
  if (machine.process === 'none') return restart({ ...machine, ...tried }, nowMs)
  // What runs is ended by its own rules.
  const { state, effects } = restart(machine, nowMs)
  return change(state, tried, ...effects)
}

/** The program that was tried is gone: back to the one from before, which is worth as many tries as ever. */
function revert(machine: Machine, policy: Policy, reason: string): Step {
  const before: Machine = { ...machine, policy, fallback: undefined, wasReady: true, crashesMs: [], streak: 0 }
  return withEffect({ type: 'revert', run: machine.run, reason }, respawn(before))
}

function retire(machine: Machine): Step {
  const retired: Machine = { ...machine, final: true }
  const idle = machine.state === 'waiting' || machine.state === 'backing-off'
  return idle ? enter(retired, 'exited', {}, { type: 'clear-timers' }) : unchanged(retired)
}

function stop(machine: Machine, nowMs: number): Step {
  const retired = retire(machine)
  if (machine.process !== 'running') return retired
  if (machine.state === 'stopping') return change(retired.state, { after: 'exit' })
  return end(retired.state, 'exit', undefined, nowMs)
}

function kill(machine: Machine): Step {
  const retired = retire(machine)
  if (machine.process !== 'running') return retired
  const killing: Effect[] = [
    { type: 'stop-probing' },
    { type: 'clear-timers' },
    { type: 'kill' },
    { type: 'start-timer', run: machine.run, timer: 'lost', afterMs: LOST_AFTER_MS },
  ]
  const now: Partial<Machine> = { after: 'exit', graceEndsMs: 0, reason: undefined }
  if (machine.state === 'stopping') return change(retired.state, now, ...killing)
  return enter(retired.state, 'stopping', now, ...killing)
}

/** `exited with code 3`, `ended by SIGKILL`. */
function describeExit(exit: ServiceExit | undefined): string {
  if (exit?.signal) return `ended by ${exit.signal}`
  return exit?.code === undefined || exit.code === null ? 'vanished' : `exited with code ${exit.code}`
}

const unchanged = (machine: Machine): Step => ({ state: machine, effects: [] })

const change = (machine: Machine, changes: Partial<Machine>, ...effects: Effect[]): Step => ({
  state: { ...machine, ...changes },
  effects,
})

/** A change of the visible state: told before anything else is done about it. */
const enter = (machine: Machine, state: ServiceState, changes: Partial<Machine> = {}, ...effects: Effect[]): Step =>
  change(machine, { ...changes, state }, { type: 'report', previous: machine.state }, ...effects)

const withEffect = (effect: Effect, { state, effects }: Step): Step => ({ state, effects: [effect, ...effects] })
