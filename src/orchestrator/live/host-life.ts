import { OpenworkError } from '../../shared/errors.ts'

/** `failed`: something that it cannot do without is gone, and it ends. */
export type HostPhase = 'starting' | 'ready' | 'stopping' | 'failed'

export type HostLifeOptions = {
  /** It goes on without whoever started it, from its start. */
  isDetached: boolean
  /** Told when it begins to go on without whoever started it. */
  onReleased(): Promise<void>
}

/** How far a host is, and what was asked of it over its control API. */
export class HostLife {
  /** Aborted when it was asked to stop: a start is given up then. */
  readonly stopSignal: AbortSignal
  /** Resolves when it was asked to stop. Never rejects. */
  readonly stopAsked: Promise<void>
  readonly #stop = new AbortController()
  readonly #options: HostLifeOptions
  readonly #listeners = new Set<() => void>()
  #phase: HostPhase = 'starting'
  #readyAtMs: number | undefined
  #isDetached: boolean

  constructor(options: HostLifeOptions) {
    this.#options = options
    this.#isDetached = options.isDetached
    this.stopSignal = this.#stop.signal
    const { promise, resolve } = Promise.withResolvers<void>()
    this.stopAsked = promise
    this.stopSignal.addEventListener('abort', () => resolve(), { once: true })
  }

  get phase(): HostPhase {
    return this.#phase
  }

  get readyAtMs(): number | undefined {
    return this.#readyAtMs
  }

  get isDetached(): boolean {
    return this.#isDetached
  }

  /** A host that ends, for whatever reason, does not become anything else. */
  becomes(phase: HostPhase): void {
    if (this.#phase === phase || this.#phase === 'stopping' || this.#phase === 'failed') return
    this.#phase = phase
    if (phase === 'ready') this.#readyAtMs = Date.now()
    this.#tell()
  }

  askStop(): void {
    this.becomes('stopping')
    this.#stop.abort(new OpenworkError('interrupted', 'The host was asked to stop before it was ready'))
  }

  /** May be asked for again. Throws what the run record's file system does. */
  async release(): Promise<void> {
    if (this.#isDetached) return
    this.#isDetached = true
    await this.#options.onReleased()
    this.#tell()
  }

  /** Told of every change from now on. Returns how to stop that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
