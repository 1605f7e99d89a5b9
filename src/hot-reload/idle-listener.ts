import type { ReloadEngine } from './reload-engine.ts'

/** What an event does not tell, such as the end of a session while the stream was broken, is found by asking. */
const ASK_EVERY_MS = 2_000

/** Listens to the ends of work, only while somebody waits for one. */
export class IdleListener {
  readonly #engine: ReloadEngine
  readonly #onMaybeIdle: (directory: string | undefined) => void
  #listening: { timer: ReturnType<typeof setInterval>; ended: AbortController } | undefined

  /** `onMaybeIdle` is told the directory, or nothing when it may be any. */
  constructor(engine: ReloadEngine, onMaybeIdle: (directory: string | undefined) => void) {
    this.#engine = engine
    this.#onMaybeIdle = onMaybeIdle
  }

  /** To be called whenever that may have changed. */
  listen(isWaitedFor: boolean): void {
    if (!isWaitedFor) this.close()
    if (!isWaitedFor || this.#listening) return
    const ended = new AbortController()
    const timer = setInterval(() => this.#onMaybeIdle(undefined), ASK_EVERY_MS).unref()
    this.#listening = { timer, ended }
    this.#engine.onIdle(ended.signal, directory => this.#onMaybeIdle(directory))
  }

  close(): void {
    clearInterval(this.#listening?.timer)
    this.#listening?.ended.abort()
    this.#listening = undefined
  }
}
