import { randomUUID } from 'node:crypto'
import type { FileEvent } from '../../api/catalog.ts'

/** As the spec of the protocol says: 500 per workspace. */
const KEPT_EVENTS = 500

export type FileChange = Pick<FileEvent, 'type' | 'path' | 'toPath' | 'revision'>

/** Where a client stands: the sequence number it has seen last, and whose. */
export type FeedPosition = { epoch: string | undefined; seq: number }

export type FeedSlice = {
  /** Behind the position, oldest first; all that are kept when the position is of another feed. */
  items: FileEvent[]
  /** Events between the position and these are gone, or it is of another feed: what the client knows is not enough. */
  reset: boolean
}

/** The changes of one workspace, numbered from 1, the newest 500 kept; in memory only, so every feed has its own epoch. */
export class EventFeed {
  readonly epoch = randomUUID()
  readonly #workspaceId: string
  readonly #events: FileEvent[] = []
  readonly #waiting = new Set<() => void>()
  #cursor = 0
  #isClosed = false

  constructor(workspaceId: string) {
    this.#workspaceId = workspaceId
  }

  /** The newest sequence number, 0 before the first. */
  get cursor(): number {
    return this.#cursor
  }

  /** The oldest one kept; the next to come when there is none. */
  get oldestSeq(): number {
    return this.#cursor - this.#events.length + 1
  }

  push(change: FileChange): FileEvent {
    this.#cursor += 1
    const event = {
      id: randomUUID(),
      seq: this.#cursor,
      workspaceId: this.#workspaceId,
      ...change,
      timestamp: Date.now(),
    }
    this.#events.push(event)
    if (this.#events.length > KEPT_EVENTS) this.#events.shift()
    this.#wake()
    return event
  }

  /** The newest event of a path, when it tells of this very change. */
  find({ type, path, toPath, revision }: FileChange): FileEvent | undefined {
    const last = this.#events.findLast(event => event.path === path || event.toPath === path)
    if (last?.type !== type || last.path !== path || last.toPath !== toPath) return undefined
    return revision === undefined || last.revision === revision ? last : undefined
  }

  since({ epoch, seq }: FeedPosition): FeedSlice {
    const isForeign = (epoch !== undefined && epoch !== this.epoch) || seq > this.#cursor
    const from = isForeign ? 0 : seq
    const items = this.#events.slice(Math.max(0, from + 1 - this.oldestSeq))
    return { items, reset: isForeign || from + 1 < this.oldestSeq }
  }

  /** Nothing will come any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  /** Resolves when there is an event behind `seq`, the signal is aborted or the feed is closed. */
  behind(seq: number, signal: AbortSignal): Promise<void> {
    if (seq !== this.#cursor || signal.aborted || this.#isClosed) return Promise.resolve()
    return new Promise(resolve => {
      const done = (): void => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done()
  }
}
