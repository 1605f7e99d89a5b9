/** Comes at least every three seconds and at most ten times a second while a transfer is under way. */
export type TransferProgress = {
  readonly bytes: number
  readonly totalBytes: number | undefined
  /** Since this attempt began. */
  readonly bytesPerSecond: number
  /** Of this URL, from 1. */
  readonly attempt: number
  /** Name and port of the server; empty for a local file. */
  readonly host: string
}

const AT_LEAST_EVERY_MS = 3_000
const AT_MOST_EVERY_MS = 100

/** Tells `onProgress` how a transfer goes. Dispose of it: it holds a timer. */
export class ProgressMeter {
  readonly #onProgress: (progress: TransferProgress) => void
  readonly #timer: Timer
  #state: Omit<TransferProgress, 'bytesPerSecond'> = { bytes: 0, totalBytes: undefined, attempt: 0, host: '' }
  #startedMs = 0
  #startBytes = 0
  #toldMs = Number.POSITIVE_INFINITY
  #toldBytes = 0

  constructor(onProgress: (progress: TransferProgress) => void) {
    this.#onProgress = onProgress
    this.#timer = setInterval(() => {
      const isDue = performance.now() - this.#toldMs >= AT_LEAST_EVERY_MS
      if (isDue || this.#state.bytes !== this.#toldBytes) this.#tell()
    }, AT_MOST_EVERY_MS)
  }

  /** An attempt begins, with so many bytes there already. */
  attempt(state: Omit<TransferProgress, 'bytesPerSecond'>): void {
    this.#state = state
    this.#startedMs = performance.now()
    this.#startBytes = state.bytes
    this.#tell()
  }

  update({ bytes, totalBytes }: Pick<TransferProgress, 'bytes' | 'totalBytes'>): void {
    if (bytes < this.#state.bytes) this.#startBytes = bytes // it starts over
    this.#state = { ...this.#state, bytes, totalBytes }
    if (bytes === totalBytes && bytes !== this.#toldBytes) this.#tell()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #tell(): void {
    const nowMs = performance.now()
    this.#toldMs = nowMs
    this.#toldBytes = this.#state.bytes
    const seconds = (nowMs - this.#startedMs) / 1000
    const bytesPerSecond = seconds > 0 ? Math.round((this.#state.bytes - this.#startBytes) / seconds) : 0
    this.#onProgress({ ...this.#state, bytesPerSecond })
  }
}
