import { holdReleased, requestHold } from '../api/control.ts'
import { PROBE_USER_AGENT } from '../api/health.ts'
import { askServer, type OpenworkClientOptions } from '../api/request.ts'
import type { Hold } from '../hot-reload/reload-engine.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'

/** Longer than opencode takes to end and to come back; the server allows no more. */
const TTL_MS = 15_000
/** So long before its end a hold counts as over: what is done under it still has to reach opencode. */
const MARGIN_MS = 2_000
/** The server answers within a second, whatever is open. */
const ASK_LIMIT_MS = 5_000

/**
 * Holds of an openwork-server, with its host token. Where it does not answer, or is an older one, there is none: what is to
 * be done is done all the same.
 */
export function requestHolds(
  server: Omit<OpenworkClientOptions, 'timeoutMs'>,
  log: Log,
  marginMs: number = MARGIN_MS,
): Hold {
  // What a person did is what the log of requests is for.
  const options = { ...server, userAgent: PROBE_USER_AGENT, timeoutMs: ASK_LIMIT_MS }
  let isTold = false
  const tell = (error: unknown): undefined => {
    if (!(error instanceof OpenworkError)) throw error
    if (!isTold) log.debug('openwork-server does not let requests wait for a reload', { reason: messageOf(error) })
    isTold = true
  }
  return async directories => {
    const surelyUntilMs = performance.now() + TTL_MS - marginMs
    const body = { ttlMs: TTL_MS, ...(directories && { directories }) }
    const hold = await askServer(options, { method: 'POST', path: '/workspaces/holds', body }, requestHold).catch(tell)
    return (
      hold && {
        get openRequests() {
          // Past that, who was let go on is not known: as if one were.
          return performance.now() < surelyUntilMs ? hold.openRequests : Math.max(1, hold.openRequests)
        },
        async [Symbol.asyncDispose]() {
          await askServer(options, { method: 'DELETE', path: `/workspaces/holds/${hold.id}` }, holdReleased).catch(tell)
        },
      }
    )
  }
}
