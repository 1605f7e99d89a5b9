import { OpenworkError } from '../shared/errors.ts'
import { EventParser, type RawEvent } from './event-parser.ts'

export type EventStream = {
  /** Asks for the stream. Throws for an answer that is none. */
  open(signal: AbortSignal): Promise<Response>
  /** Until there is an answer. */
  openWithinMs: number
  /** Who sends nothing for longer is gone. */
  maxSilenceMs: number
  /** What to throw for an event that is longer than any. */
  endless(): Error
  /** What to throw when there is no answer, or no more of it. */
  unreachable(cause: unknown, limitMs: number): OpenworkError
}

/** The events of a stream as they come; time that the caller takes for one does not count. Ends when `signal` is aborted. */
export async function* readEvents(stream: EventStream, signal: AbortSignal): AsyncGenerator<RawEvent> {
  const silence = new AbortController()
  const giveUp = (): void => silence.abort(new DOMException('silent', 'TimeoutError'))
  let limitMs = stream.openWithinMs
  let timer = setTimeout(giveUp, limitMs)
  try {
    const response = await stream.open(AbortSignal.any([signal, silence.signal]))
    limitMs = stream.maxSilenceMs
    const parser = new EventParser(() => stream.endless())
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer)
      yield* parser.push(chunk)
      timer = setTimeout(giveUp, limitMs)
    }
    throw new Error('the server ended the stream')
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof OpenworkError ? error : stream.unreachable(error, limitMs)
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}
