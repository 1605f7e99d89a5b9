import type { Secret } from '../shared/secret.ts'

/** Time limits are milliseconds throughout. A probe try never lasts longer than its own `tryMs`. */
export type Probe =
  | {
      kind: 'http'
      url: string
      headers: Readonly<Record<string, string | Secret>>
      /** Pause between tries. */
      everyMs: number
      /** Limit of one try: a booting opencode accepts a request and never answers it. */
      tryMs: number
      /** All tries together, from the spawn on. */
      withinMs: number
      /**
       * Do not ask before the child printed a line matching this, or `withinMs / 2` has passed: the first try then
       * succeeds at once instead of after `everyMs`.
       */
      afterLine?: RegExp
    }
  /** Ready as soon as it runs. */
  | { kind: 'spawned' }

export type Watch = {
  /** Asked again and again once ready, as an `http` probe's single try. */
  everyMs: number
  /** So many failures in a row make it `unhealthy`. */
  failures: number
  /** Unhealthy for so long: it is killed and restarted. */
  restartAfterMs: number
}

export type RestartPolicy = {
  when: 'on-failure' | 'always' | 'never'
  /** First pause and its cap; doubled each time, with jitter. */
  backoffMs: readonly [first: number, cap: number]
  /** Ready for so long: earlier crashes are forgotten. */
  resetAfterMs: number
  /** More crashes than this within `windowMs`, or in a row without being stable between them: gave up. */
  maxCrashes: number
  windowMs: number
  /** Exit codes with which the program says, before it was ever ready, that another try would end the same way. */
  hopelessExitCodes?: readonly number[]
}

export type Need = {
  service: string
  /** Start when that service has come this far; `waiting`: at once. It is stopped after us in any case. */
  reached: 'waiting' | 'starting' | 'ready'
}

/** A program to run and how to keep it running. Data only: nothing starts by making one. */
export type ServiceSpec = {
  name: string
  argv: readonly [program: string, ...args: string[]]
  /** Shown by `ps` and read as `process.argv0`; the program's path when absent. */
  argv0?: string
  cwd: string
  /** The whole environment of the child: nothing is inherited. */
  env: Readonly<Record<string, string | Secret>>
  /**
   * `pipe`: the child holds the reading end of a pipe of ours as its stdin, and ends when it closes. Only for programs
   * that watch it.
   */
  parentWatch: 'pipe' | 'none'
  ready: Probe
  watch?: Watch
  restart: RestartPolicy
  stop: { signal: NodeJS.Signals; graceMs: number }
  needs: readonly Need[]
}

/**
 * `waiting → starting → ready ⇄ unhealthy → backing-off → starting …`, and at the end `stopping → exited` or `gave-up`.
 * `stopping` is also passed on the way to a restart: asked for, or because it was hung.
 */
export type ServiceState =
  | 'waiting'
  | 'starting'
  | 'ready'
  | 'unhealthy'
  | 'backing-off'
  | 'stopping'
  /** Ended as it should: stopped by us, or by itself and not to be restarted. */
  | 'exited'
  /** Failed, and will not be tried again. */
  | 'gave-up'

/** Both null: it vanished and nobody can say how. */
export type ServiceExit = { code: number | null; signal: NodeJS.Signals | null }

export type OutputStream = 'stdout' | 'stderr'

export type ServiceSnapshot = {
  name: string
  state: ServiceState
  /** Of the process that runs now. */
  pid?: number
  startedAtMs?: number
  /** Of the present run. */
  readyAtMs?: number
  /** Spawns after the first one. */
  restarts: number
  /** Of the last run that ended. */
  exit?: ServiceExit
  /** Why it is in this state, where that needs saying. */
  reason?: string
  /** The end of its output, oldest first, over all its runs. */
  lastLines: readonly string[]
}

export type StateEvent = {
  type: 'state'
  service: string
  state: ServiceState
  previous: ServiceState
  atMs: number
  pid?: number
  restarts: number
  reason?: string
  exit?: ServiceExit
  /** With `backing-off` and `gave-up`. */
  lastLines?: readonly string[]
  /** With `backing-off`: the pause before the next start. */
  nextTryInMs?: number
}

export type LineEvent = { type: 'line'; service: string; stream: OutputStream; pid: number; text: string }

/** Something a person should know that changes no state. */
export type WarningEvent = { type: 'warning'; service: string; message: string; cause: unknown }

export type SupervisorEvent = StateEvent | LineEvent | WarningEvent
