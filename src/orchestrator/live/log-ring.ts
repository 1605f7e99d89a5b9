import type { HostLogEntry } from '../../api/host.ts'
import type { LogRecord } from '../../shared/log.ts'

const MAX_ENTRIES = 5_000
/** Of all texts together: long lines are rare, and a program may print nothing else. */
const MAX_CHARACTERS = 4 * 1024 * 1024
const MAX_LINE_CHARACTERS = 4 * 1024

/** The last log lines of a host: 5,000 at most, fewer when they are long. */
export class LogRing {
  readonly #entries: (HostLogEntry | undefined)[] = new Array(MAX_ENTRIES)
  readonly #listeners = new Set<() => void>()
  #nextSeq = 1
  #oldestSeq = 1
  #characters = 0

  add(record: LogRecord, text: string): void {
    const seq = this.#nextSeq++
    const shown = text.length > MAX_LINE_CHARACTERS ? `${text.slice(0, MAX_LINE_CHARACTERS)}…` : text
    const { timeMs: atMs, component: service, severity: level } = record
    if (seq - this.#oldestSeq >= MAX_ENTRIES) this.#drop()
    this.#entries[seq % MAX_ENTRIES] = { seq, atMs, service, level, text: shown }
    this.#characters += shown.length
    while (this.#characters > MAX_CHARACTERS) this.#drop()
    for (const listener of this.#listeners) listener()
  }

  /** `seq` of the entry that comes next. */
  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Those from `seq` on that are still there, oldest first, `limit` at most; and how many before them are gone. */
  from(seq: number, limit: number): { entries: HostLogEntry[]; dropped: number } {
    const first = Math.max(seq, this.#oldestSeq)
    const entries: HostLogEntry[] = []
    for (let at = first; at < this.#nextSeq && entries.length < limit; at++) {
      const entry = this.#entries[at % MAX_ENTRIES]
      if (entry) entries.push(entry)
    }
    return { entries, dropped: first - seq }
  }

  /** Where one who wants the last `count` entries begins. */
  seqOfLast(count: number): number {
    return Math.max(this.#oldestSeq, this.#nextSeq - count)
  }

  /** Told of every entry from now on, without it. Must not throw. Returns how to stop that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #drop(): void {
    const at = this.#oldestSeq++ % MAX_ENTRIES
    this.#characters -= this.#entries[at]?.text.length ?? 0
    this.#entries[at] = undefined
  }
}
