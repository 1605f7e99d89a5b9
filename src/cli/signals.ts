import { OpenworkError } from '../shared/errors.ts'

const SIGNAL_NUMBER = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
type Signal = keyof typeof SIGNAL_NUMBER

/**
 * One wish to stop often arrives several times: a service manager signals the whole group, and npm's launcher passes its
 * own copy on. Only what comes later than this is somebody who wants out now.
 */
const SAME_WISH_MS = 200

export type Interruptions = {
  /** Aborted by the first signal, or by `interrupt()`. */
  readonly signal: AbortSignal
  /** As if a SIGHUP had come: whoever was listening is gone. */
  interrupt(): void
  /** By convention: 128 plus the number of the first signal. */
  exitCode(): number
  /** What to kill on a second signal: the user wants out now. */
  onAgain(kill: () => void): void
  /**
   * Rejects with `interrupted` on a further signal when there is nothing to kill yet, or killing did not end it: what
   * hangs then, a lost network disk say, is not waited for.
   */
  forced: Promise<never>
  /** Gives the signals back to the system. */
  release(): void
}

/**
 * Takes over SIGINT, SIGTERM and SIGHUP. Call it before the first child is spawned: from then on no signal ends this
 * process behind the back of what it started.
 */
export function takeInterruptions(): Interruptions {
  const controller = new AbortController()
  let first: Signal | undefined
  let firstAtMs = 0
  let kill: (() => void) | undefined
  const forced = Promise.withResolvers<never>()
  forced.promise.catch(() => {}) // nobody may be waiting
  const onSignal = (name: Signal): void => {
    if (first === undefined) {
      first = name
      firstAtMs = performance.now()
      controller.abort(name)
      return
    }
    if (performance.now() - firstAtMs <= SAME_WISH_MS) return
    if (kill === undefined) forced.reject(new OpenworkError('interrupted', 'Interrupted'))
    kill?.()
    kill = undefined
  }
  const names = Object.keys(SIGNAL_NUMBER) as Signal[]
  for (const name of names) process.on(name, onSignal)
  return {
    signal: controller.signal,
    interrupt: () => {
      if (first === undefined) onSignal('SIGHUP')
    },
    exitCode: () => 128 + SIGNAL_NUMBER[first ?? 'SIGTERM'],
    onAgain: whatRuns => {
      kill = whatRuns
    },
    forced: forced.promise,
    release: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
