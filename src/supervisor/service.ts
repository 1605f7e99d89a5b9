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
  /** More crashes than this within `windowMs`: gave up. */
  maxCrashes: number
  windowMs: number
}

export type Need = {
  service: string
  /** Start when that service has come this far. It is stopped after us in either case. */
  reached: 'starting' | 'ready'
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
