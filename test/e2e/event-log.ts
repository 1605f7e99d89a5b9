import { eventually, LIMIT_MS, type RunningHost } from './harness.ts'

export type EventLog = {
  /** The raw text of the stream so far. */
  text(): string
  /** Resolves as soon as the text contains this. */
  seen(part: string): Promise<void>
  /** Hangs up. */
  close(): Promise<void>
}

/** Listens to opencode's events through the proxy of a host. The caller closes it. */
export async function listenToEvents(host: RunningHost): Promise<EventLog> {
  const stop = new AbortController()
  const response = await host.request('/opencode/event', {
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(LIMIT_MS)]),
  })
  let text = ''
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
  })().catch(() => {}) // ends by our own abort, or with the host
  return {
    text: () => text,
    seen: part => eventually(`the event ${part}`, () => text.includes(part)),
    close: async () => {
      stop.abort()
      await reading
    },
  }
}
