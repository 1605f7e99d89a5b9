import type { EngineWork } from '../api/hot-reload.ts'
import type { Served } from '../api/opencode-client.ts'
import { amountOf } from './engine-work.ts'

/** A time in which new requests of openwork-server's clients wait; it ends by itself as well. */
export type Held = AsyncDisposable & {
  /** Those that were passed on before, whose work opencode may not show yet. One at least when the time is over: ask last. */
  readonly openRequests: number
}

/** Lets the requests for these directories wait, without any those for all. Undefined where nobody can do that. */
export type Hold = (directories?: readonly string[]) => Promise<Held | undefined>

/** What a reload does with opencode. Every call ends within a time limit; failures are `OpenworkError`s. */
export type ReloadEngine = {
  /** What would end with the directory's instance. Of an instance that is not there: nothing. */
  work(directory: string): Promise<EngineWork>
  /** The same for all directories together. */
  allWork(): Promise<EngineWork>
  dispose(directory: string): Promise<void>
  hold: Hold
  /** Makes the instance, if it is not there. Throws `opencode_config_invalid` for a config that opencode refuses. */
  served(directory: string): Promise<Served>
  /** Ends opencode and starts it again at the same address, and waits until it is ready. */
  restart(): Promise<void>
  /** Told when the work of a directory may have ended, until `signal` is aborted. Undefined: of any. */
  onIdle(signal: AbortSignal, listener: (directory: string | undefined) => void): void
}

export const isIdle = (work: EngineWork): boolean => amountOf(work) === 0
