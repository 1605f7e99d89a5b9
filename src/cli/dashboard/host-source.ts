import { setTimeout as delay } from 'node:timers/promises'
import type { HostSnapshot } from '../../api/host.ts'
import type { HostClient } from '../../api/host-client.ts'
import type { DashboardSource, SourceEvent } from '../../dashboard/source.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { reloadText } from '../hot-reload-text.ts'

/** As many log lines as a host keeps. */
const BACKLOG = 5_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 1_000

type Told = (event: SourceEvent) => void

/** Where a host is asked now, or that it is gone; `failure` when that was not asked for. */
export type Whereabouts = { client: HostClient } | { end: { failure: string | undefined } }

/**
 * A host as the dashboard sees it, over its control API. A connection that is lost is made again, until `look` says that
 * the host is gone; undefined: that cannot be told at the moment.
 */
export function hostSource(first: HostClient, look: () => Promise<Whereabouts | undefined>): DashboardSource {
  let client = first
  const lookAgain = async (): Promise<Whereabouts | undefined> => {
    const found = await look()
    if (found && 'client' in found) client = found.client
    return found
  }
  return {
    listen: listener => {
      const controller = new AbortController()
      const told: Told = event => {
        if (!controller.signal.aborted) listener(event)
      }
      void new Listening(() => client, told, controller.signal).untilEnd(lookAgain)
      return () => controller.abort()
    },
    restartService: async (name, request) => {
      await client.restart(name, request)
    },
    reload: async request => reloadText(await client.reload(request)).split('\n')[0] ?? '',
    replyApproval: (id, reply) => client.replyApproval(id, reply),
    credentials: () => client.credentials(),
    openPairing: () => client.openPairing(),
    stop: request => client.stop(request),
  }
}

class Listening {
  readonly #client: () => HostClient
  readonly #told: Told
  readonly #signal: AbortSignal
  /** Of the newest log entry: each is told once, over all connections. */
  #lastSeq = 0
  /** What was told last of the host. */
  #latest: HostSnapshot | undefined
  /** When something was heard of the host last. */
  #heardAtMs: number | undefined

  constructor(client: () => HostClient, told: Told, signal: AbortSignal) {
    this.#client = client
    this.#told = told
    this.#signal = signal
  }

  async untilEnd(look: () => Promise<Whereabouts | undefined>): Promise<void> {
    for (let retryMs = FIRST_RETRY_MS; !this.#signal.aborted; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      const { wasConnected, reason } = await this.#follow()
      if (this.#signal.aborted) return
      const found = await look()
      if (found && 'end' in found) {
        const failure = found.end.failure ?? (this.#latest && lossOf(this.#latest))
        return this.#told({ type: 'ended', ...(failure !== undefined && { failure }) })
      }
      if (wasConnected) retryMs = FIRST_RETRY_MS
      this.#told({
        type: 'connection',
        state: 'lost',
        reason: this.#isEnding() ? 'the host is stopping' : reason,
        ...(this.#heardAtMs !== undefined && { sinceMs: this.#heardAtMs }),
      })
      await delay(retryMs, undefined, { signal: this.#signal }).catch(() => {}) // the loop ends
    }
  }

  /** Until the connection ends. */
  async #follow(): Promise<{ wasConnected: boolean; reason: string }> {
    let wasConnected = false
    try {
      for await (const event of this.#client().events({ logs: BACKLOG, signal: this.#signal })) {
        this.#heardAtMs = Date.now()
        if (!wasConnected) this.#told({ type: 'connection', state: 'connected' })
        wasConnected = true
        if (event.event === 'snapshot') {
          this.#latest = event.data
          this.#told({ type: 'snapshot', snapshot: event.data })
        } else {
          const entries = event.data.entries.filter(({ seq }) => seq > this.#lastSeq)
          this.#lastSeq = entries.at(-1)?.seq ?? this.#lastSeq
          if (entries.length > 0 || event.data.dropped > 0)
            this.#told({ type: 'log', entries, dropped: event.data.dropped })
        }
      }
      return { wasConnected, reason: 'the host closed the connection' }
    } catch (error) {
      if (error instanceof OpenworkError) return { wasConnected, reason: isSilence(error) ? SILENT : error.message }
      throw error
    }
  }

  #isEnding(): boolean {
    return this.#latest?.health === 'stopping' || this.#latest?.health === 'failed'
  }
}

const SILENT = 'the host does not answer'
const isSilence = ({ cause }: OpenworkError): boolean => cause instanceof DOMException && cause.name === 'TimeoutError'

/** Why a host that went in good order has ended all the same, by what it told last. */
function lossOf({ health, services }: HostSnapshot): string | undefined {
  if (health !== 'failed') return undefined
  const lost = services.find(({ state }) => state === 'gave-up')
  return lost ? `${lost.name} gave up: ${lost.reason ?? 'it ended'}` : 'it has lost a service that it cannot do without'
}
