import type { EngineWork } from '../api/hot-reload.ts'
import { type Held, isIdle, type ReloadEngine } from './reload-engine.ts'

/**
 * Between the answer that nothing is at work and a reload, work could begin that the reload then ends. So new requests wait
 * from before that answer until this is disposed of.
 */
export class ReloadHold implements AsyncDisposable {
  readonly #engine: ReloadEngine
  readonly #held: Held[] = []

  constructor(engine: ReloadEngine) {
    this.#engine = engine
  }

  /** What is at work in one directory, without any in all. Held up by this is nobody where something is, unless `always`. */
  async workOf(
    directory: string | undefined,
    ask: () => Promise<EngineWork>,
    { always }: { always: boolean },
  ): Promise<EngineWork> {
    const before = await ask()
    if (!always && !isIdle(before)) return before
    const held = await this.#engine.hold(directory === undefined ? undefined : [directory])
    if (!held) return before
    this.#held.push(held)
    const work = await ask()
    return held.openRequests > 0 ? { ...work, requests: held.openRequests } : work
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#held.map(held => held[Symbol.asyncDispose]()))
  }
}
