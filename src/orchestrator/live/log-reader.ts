import type { HostLogEntry } from '../../api/host.ts'
import type { LogRing } from './log-ring.ts'

const BATCH_EVERY_MS = 100
const MAX_BATCH = 500

/** Reads a log for one who looks: what comes faster than that one takes it, and is not kept any more, is counted. */
export class LogReader {
  readonly #ring: LogRing
  readonly #wake: () => void
  readonly #stopListening: () => void
  #seq: number
  #nextMs = 0
  #timer: Timer | undefined

  /** Begins with the last `count` lines that are kept. `wake` is called when there is a batch to be asked for. */
  constructor(ring: LogRing, count: number, wake: () => void) {
    this.#ring = ring
    this.#wake = wake
    this.#seq = ring.seqOfLast(count)
    this.#stopListening = ring.listen(() => this.#schedule())
  }

  /** Whether there is a batch that may go out now. */
  get isDue(): boolean {
    return this.#seq < this.#ring.nextSeq && performance.now() >= this.#nextMs
  }

  /** Undefined when there is none, or the last one went out just now: `wake` tells when it is time. */
  next(): { entries: HostLogEntry[]; dropped: number } | undefined {
    if (!this.isDue) {
      if (this.#seq < this.#ring.nextSeq) this.#schedule()
      return undefined
    }
    const batch = this.#ring.from(this.#seq, MAX_BATCH)
    this.#seq += batch.dropped + batch.entries.length
    this.#nextMs = performance.now() + BATCH_EVERY_MS
    return batch
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#stopListening()
  }

  /** One timer for any number of lines. */
  #schedule(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.#wake()
      },
      Math.max(0, this.#nextMs - performance.now()),
    )
  }
}
