import type { FileEvent } from '../../api/catalog.ts'
import type { ServerEvent } from '../../http/event-stream.ts'
import type { FeedPosition } from './event-feed.ts'
import type { FileIndex } from './file-index.ts'

/** What a client has that names no position of any feed. */
const NOWHERE: FeedPosition = { epoch: '', seq: 0 }

/** The position that the id of an event of a stream stands for; for a text that is none, one that means `reset`. */
export function parseEventId(id: string): FeedPosition {
  const [, epoch, seq] = /^([\w-]+):(\d{1,15})$/.exec(id) ?? []
  return epoch === undefined ? NOWHERE : { epoch, seq: Number(seq) }
}

/**
 * The events of an index behind a position (from now on when undefined), as a stream sends them: first `ready`, or
 * `reset` when the client has to take a new snapshot, as it also has to when it reads so slowly that events are gone.
 * Ends with the signal and with the index. `check` is asked before anything is sent after a pause, and may throw.
 */
export async function* follow(
  index: FileIndex,
  { from, signal, check }: { from: FeedPosition | undefined; signal: AbortSignal; check(): void },
): AsyncGenerator<ServerEvent> {
  let seq = from?.seq ?? index.cursor
  if (from && index.eventsSince(from).reset) {
    seq = index.cursor
    yield stateEvent('reset', index, seq)
  } else yield stateEvent('ready', index, seq)
  while (!signal.aborted && !index.isClosed) {
    await index.behind(seq, signal)
    check()
    const { items, reset } = index.eventsSince({ epoch: index.epoch, seq })
    if (reset) {
      seq = index.cursor
      yield stateEvent('reset', index, seq)
      continue
    }
    for (const event of items) {
      yield changeEvent(event, index.epoch)
      seq = event.seq
    }
  }
}

function stateEvent(event: 'ready' | 'reset', { epoch, cursor, oldestSeq }: FileIndex, seq: number): ServerEvent {
  return { id: `${epoch}:${seq}`, event, data: { epoch, cursor, oldestSeq } }
}

/** The same object for every stream: it is put into words once. */
const sent = new WeakMap<FileEvent, ServerEvent>()

function changeEvent(event: FileEvent, epoch: string): ServerEvent {
  const known = sent.get(event)
  if (known) return known
  const made = { id: `${epoch}:${event.seq}`, event: 'change', data: event }
  sent.set(event, made)
  return made
}
