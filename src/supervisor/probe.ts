import { request } from 'node:http'
import { reveal } from '../shared/secret.ts'
import { pause } from './pause.ts'
import type { Probe } from './service.ts'

export type HttpProbe = Extract<Probe, { kind: 'http' }>

/** The first pause between readiness tries; doubled up to the probe's own `everyMs`. A fast starter is seen fast. */
const FIRST_PAUSE_MS = 10

/**
 * One try: true for a 2xx answer. Never takes longer than `tryMs`, never rejects, and leaves no connection open.
 *
 * By `node:http`, not `fetch`: that one keeps its connection open, asks the user's proxy for loopback addresses too, and
 * has to be talked out of both (seen with Bun 1.4.5).
 */
export function askOnce({ url, headers, tryMs }: HttpProbe, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise(resolve => {
    const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, reveal(value)]))
    const ask = request(url, { agent: false, headers: { ...plain, connection: 'close' } })
    const settle = (healthy: boolean) => {
      clearTimeout(limit)
      signal.removeEventListener('abort', abandon)
      resolve(healthy)
      ask.destroy() // the body is of no interest, and may never end
    }
    const abandon = () => settle(false)
    const limit = setTimeout(abandon, tryMs)
    signal.addEventListener('abort', abandon)
    ask.on('response', ({ statusCode = 0 }) => settle(statusCode >= 200 && statusCode < 300))
    ask.on('error', abandon) // also after `settle`: destroying may report it once more
    ask.end()
  })
}

/** Tries until one succeeds, starting when `mayAsk` resolves. False when `signal` ended it first. */
export async function askUntilReady(probe: HttpProbe, mayAsk: Promise<void>, signal: AbortSignal): Promise<boolean> {
  await mayAsk
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, probe.everyMs)) {
    if (await askOnce(probe, signal)) return true
    await pause(Math.min(pauseMs, probe.everyMs), signal)
  }
  return false
}

/** Tries every `everyMs`, counted from the end of the one before, and tells each result until `signal` ends it. */
export async function keepAsking(
  probe: HttpProbe,
  everyMs: number,
  tell: (healthy: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  await pause(everyMs, signal)
  while (!signal.aborted) {
    const healthy = await askOnce(probe, signal)
    if (signal.aborted) return
    tell(healthy)
    await pause(everyMs, signal)
  }
}
