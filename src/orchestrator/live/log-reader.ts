import type { HostEvent } from '../../api/host.ts'
import type { LogRing } from './log-ring.ts'

const BATCH_EVERY_MS = 100
const MAX_BATCH = 500

type Batch = Extract<HostEvent, { event: 'log' }>['data']

/** Reads a log for one who looks: what comes faster than that one takes it, and is not kept any more, is counted. */
export class LogReader {
  readonly #ring: LogRing
  readonly #wake: () => void
  readonly #stopListening: () => void
  /** Behind what was there in the beginning. */
  readonly #backlogEnd: number
  #isBacklogRead = false
  #seq: number
  #nextMs = 0
  #timer: Timer | undefined

  /** Begins with the last `count` lines that are kept. `wake` is called when there is a batch to be asked for. */
  constructor(ring: LogRing, count: number, wake: () => void) {
    this.#ring = ring
    this.#wake = wake
    this.#backlogEnd = ring.nextSeq
    this.#seq = ring.seqOfLast(count)
    this.#stopListening = ring.listen(() => this.#schedule())
  }

  /** Whether there is a batch that may go out now. */
  get isDue(): boolean {
    return this.#hasMore && performance.now() >= this.#nextMs
  }

  /** Also when there was nothing in the beginning: that is told. */
  get #hasMore(): boolean {
    return !this.#isBacklogRead || this.#seq < this.#ring.nextSeq
  }

  /**
   * Undefined when there is none, or the last one went out just now: `wake` tells when it is time. Of a log that has ended
   * the rest comes at once.
   */
  next({ hasEnded }: { hasEnded: boolean }): Batch | undefined {
    if (!this.isDue && !(hasEnded && this.#hasMore)) {
      if (this.#hasMore) this.#schedule()
      return undefined
    }
    // One batch ends exactly where the backlog does.
    const limit = this.#isBacklogRead ? MAX_BATCH : Math.min(MAX_BATCH, this.#backlogEnd - this.#seq)
    const batch = this.#ring.from(this.#seq, limit)
    this.#seq += batch.dropped + batch.entries.length
    this.#nextMs = performance.now() + BATCH_EVERY_MS
    if (this.#isBacklogRead || this.#seq < this.#backlogEnd) return batch
    this.#isBacklogRead = true
    return { ...batch, backlogEnd: true }
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
