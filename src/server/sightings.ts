import type { TokenRecord } from './token-file.ts'

type Seen = Pick<TokenRecord, 'id' | 'lastSeenAt'>

/** A use is noted again after this: a request must not cost more for it. */
const COARSE_MS = 60_000

/** Far more than there can be tokens; ids of revoked ones must not pile up for ever. */
const MAX_REMEMBERED = 10_000

/**
 * When tokens were last used, to the minute, in memory; what is new is handed to `write` in one go, no more often than
 * every `writeEveryMs`, and by nobody's request. A crash forgets what was not written: that is all this is worth.
 */
export class Sightings {
  readonly #writeEveryMs: number
  readonly #write: (seenAt: ReadonlyMap<string, number>) => Promise<void>
  readonly #seenAt = new Map<string, number>()
  #unwritten = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(writeEveryMs: number, write: (seenAt: ReadonlyMap<string, number>) => Promise<void>) {
    this.#writeEveryMs = writeEveryMs
    this.#write = write
  }

  note({ id, lastSeenAt }: Seen, nowMs: number): void {
    const last = this.#seenAt.get(id) ?? lastSeenAt
    // A clock that was set back is believed: the token was used now, whatever now is called.
    if (last !== undefined && nowMs - last < COARSE_MS && nowMs >= last) return
    if (this.#seenAt.size >= MAX_REMEMBERED) this.#seenAt.clear()
    this.#seenAt.set(id, nowMs)
    this.#unwritten.set(id, nowMs)
    this.#timer ??= setTimeout(() => void this.#flush(), this.#writeEveryMs).unref()
  }

  /** The record with what is known here, if that is later. */
  latest<Record extends Seen>(record: Record): Record {
    return { ...record, ...laterOf(record.lastSeenAt, this.#seenAt.get(record.id)) }
  }

  /** Writes what is left. */
  close(): Promise<void> {
    return this.#flush()
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#unwritten.size === 0) return
    const seenAt = this.#unwritten
    this.#unwritten = new Map()
    await this.#write(seenAt)
  }
}

/** The later of two sightings, as the field of a record. */
export function laterOf(one: number | undefined, other: number | undefined): { lastSeenAt?: number } {
  if (one === undefined && other === undefined) return {}
  return { lastSeenAt: Math.max(one ?? 0, other ?? 0) }
}
