import { KEEP_ALIVE_MS } from '../http/event-stream.ts'
import type { OpenStreams } from '../http/open-streams.ts'
import { forward, UpstreamFailure } from '../http/reverse-proxy.ts'
import type { StreamCall } from '../http/route.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import type { Caller } from './admission.ts'

/** While an answer is awaited, the router is asked this often whether it is still there. */
const LIVENESS_MS = 5_000
const PROBE_LIMIT_MS = 2_000

/** Ours, and those of the page or program that asked: the router has no use for them. */
const DROPPED_HEADERS = ['authorization', 'x-openwork-host-token', 'x-openwork-client-id', 'origin', 'cookie']

/** Passes requests on to opencode-router on this machine. Who may ask what is decided before. */
export class RouterProxy {
  readonly #port: number | undefined
  readonly #baseUrl: string
  readonly #streams: OpenStreams

  constructor(port: number | undefined, streams: OpenStreams) {
    this.#port = port
    this.#baseUrl = `http://127.0.0.1:${port}`
    this.#streams = streams
  }

  get isConfigured(): boolean {
    return this.#port !== undefined
  }

  /** `rest` is the path behind the mount as received. Throws `opencodeRouter_unconfigured`, `opencodeRouter_unreachable`. */
  async handle(
    { exchange, stillAdmitted }: Pick<StreamCall<Caller>, 'exchange' | 'stillAdmitted'>,
    rest: string,
  ): Promise<Response> {
    if (this.#port === undefined)
      throw new OpenworkError('opencodeRouter_unconfigured', 'No opencode-router belongs to this server')
    exchange.note = 'opencode-router'
    exchange.attributes['proxy.service'] = 'opencode-router'
    exchange.attributes['proxy.base_url'] = this.#baseUrl
    // As text, not as a relative URL: `//host/` would name another host.
    const url = new URL(`${this.#baseUrl}${rest || '/'}${exchange.search}`)
    exchange.keepOpen()
    try {
      return await forward(exchange.request, {
        url,
        drop: DROPPED_HEADERS,
        set: {},
        liveness: { everyMs: LIVENESS_MS, isAlive: () => this.#isAnswering() },
        streams: this.#streams,
        admission: { stillAdmitted, everyMs: KEEP_ALIVE_MS },
      })
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error
      // Nobody reads it; the log shows what nginx would show.
      if (error.kind === 'client_gone') return new Response(null, { status: 499 })
      throw new OpenworkError('opencodeRouter_unreachable', 'opencode-router does not answer', {
        cause: error,
        details: {
          baseUrl: this.#baseUrl,
          port: this.#port,
          targetUrl: url.href,
          error: systemCode(error.cause) ?? error.kind,
          retryAfterMs: 1000,
        },
      })
    }
  }

  async #isAnswering(): Promise<boolean> {
    const url = `${this.#baseUrl}/health`
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_LIMIT_MS), ...fetchRoute(url) })
      await answer.body?.cancel()
      return true
    } catch {
      return false // refused or silent: the request that waits is told so
    }
  }
}
