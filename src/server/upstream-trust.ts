import { fetchRoute } from '../shared/loopback.ts'
import type { Engine } from './opencode-target.ts'

/** An answer younger than this needs no proof; shorter than any restart of opencode takes. */
const TRUST_MS = 1_000
const PROBE_LIMIT_MS = 2_000
/** One try of a probe. Asked while opencode boots it would never be answered, though the next one would be. */
const TRY_LIMIT_MS = 400

/**
 * Whether an opencode is there and answering, cheaply known. One that boots accepts a request and never answers it (seen
 * with 1.18.33), and a prompt may rightly take an hour: no time limit tells the two apart. So requests have none, but
 * nothing is sent unless the other end answered something within the last second, or does now to a small probe.
 */
export class UpstreamTrust {
  readonly #answeredMs = new Map<string, number>()
  readonly #probes = new Map<string, Promise<boolean>>()

  /** Answered within the last second. */
  isTrusted(engine: Engine): boolean {
    const answeredMs = this.#answeredMs.get(engine.baseUrl)
    return answeredMs !== undefined && performance.now() - answeredMs < TRUST_MS
  }

  /** Whether it answers now. Requests that come together share one probe. */
  isAnswering(engine: Engine): Promise<boolean> {
    const running = this.#probes.get(engine.baseUrl)
    if (running) return running
    const probe = this.#probe(engine).finally(() => this.#probes.delete(engine.baseUrl))
    this.#probes.set(engine.baseUrl, probe)
    return probe
  }

  answered({ baseUrl }: Engine): void {
    this.#answeredMs.set(baseUrl, performance.now())
  }

  lost({ baseUrl }: Engine): void {
    this.#answeredMs.delete(baseUrl)
  }

  async #probe(engine: Engine): Promise<boolean> {
    const untilMs = performance.now() + PROBE_LIMIT_MS
    for (;;) {
      const answer = await tryOnce(engine)
      if (answer === 'silent' && performance.now() < untilMs) continue
      if (answer === 'answered') this.answered(engine)
      else this.lost(engine)
      return answer === 'answered'
    }
  }
}

async function tryOnce({ probeUrl, credentials }: Engine): Promise<'answered' | 'silent' | 'gone'> {
  const signal = AbortSignal.timeout(TRY_LIMIT_MS)
  try {
    const init = { headers: credentials, signal, redirect: 'manual', ...fetchRoute(probeUrl) } as const
    const answer = await fetch(probeUrl, init)
    await answer.body?.cancel()
    return 'answered'
  } catch {
    return signal.aborted ? 'silent' : 'gone' // refused or reset: nobody is there
  }
}
