import { fetchRoute } from '../shared/loopback.ts'

/** An answer younger than this needs no proof; shorter than any restart of opencode takes. */
const TRUST_MS = 1_000
const PROBE_LIMIT_MS = 2_000

/**
 * Whether an opencode is there and answering, cheaply known. One that boots accepts a request and never answers it (seen
 * with 1.18.33), and a prompt may rightly take an hour: no time limit tells the two apart. So what is sent has none, but
 * nothing is sent unless the other end answered something within the last second, or does now to a small probe.
 */
export class UpstreamTrust {
  readonly #answeredMs = new Map<string, number>()
  readonly #probes = new Map<string, Promise<boolean>>()

  /** Resolves at once when trusted; requests that come together share one probe. */
  async isAnswering(probeUrl: URL, headers: Readonly<Record<string, string>>): Promise<boolean> {
    const { href } = probeUrl
    const answeredMs = this.#answeredMs.get(href)
    if (answeredMs !== undefined && performance.now() - answeredMs < TRUST_MS) return true
    const running = this.#probes.get(href)
    if (running) return running
    const probe = this.#probe(probeUrl, headers).finally(() => this.#probes.delete(href))
    this.#probes.set(href, probe)
    return probe
  }

  answered(probeUrl: URL): void {
    this.#answeredMs.set(probeUrl.href, performance.now())
  }

  lost(probeUrl: URL): void {
    this.#answeredMs.delete(probeUrl.href)
  }

  async #probe(url: URL, headers: Readonly<Record<string, string>>): Promise<boolean> {
    const signal = AbortSignal.timeout(PROBE_LIMIT_MS)
    try {
      const answer = await fetch(url, { headers, signal, redirect: 'manual', ...fetchRoute(url) })
      await answer.body?.cancel()
      this.answered(url) // any status: it speaks HTTP and is not booting
      return true
    } catch {
      // Refused, reset, or silent: it is not there. The request that asked is told so.
      this.lost(url)
      return false
    }
  }
}
