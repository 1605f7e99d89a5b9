import type { ApprovalRequest } from '../../api/approvals.ts'
import { PROBE_USER_AGENT } from '../../api/health.ts'
import { openworkClient } from '../../api/openwork-client.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { pause } from '../../supervisor/pause.ts'
import type { HostPlan } from '../plan.ts'

const CONNECT_LIMIT_MS = 5_000
const RECONNECT_MS = 500

/**
 * Keeps up with what waits for an answer, until `signal` is aborted; `tell` is given the whole each time it changes, null
 * while openwork-server does not say. Never rejects.
 */
export async function followApprovals(
  { server }: HostPlan,
  tell: (approvals: ApprovalRequest[] | null) => void,
  signal: AbortSignal,
): Promise<void> {
  const { baseUrl, hostToken } = server
  const client = openworkClient({ baseUrl, hostToken, userAgent: PROBE_USER_AGENT, timeoutMs: CONNECT_LIMIT_MS })
  while (!signal.aborted) {
    let waiting: ApprovalRequest[] = []
    try {
      for await (const { event, data } of client.watchApprovals(signal)) {
        if (event === 'snapshot') waiting = data.items
        if (event === 'added') waiting = [...waiting, data]
        if (event === 'resolved') waiting = waiting.filter(({ id }) => id !== data.id)
        tell(waiting)
      }
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      tell(null) // it starts, is restarted, or is of a version that does not tell
    }
    await pause(RECONNECT_MS, signal)
  }
}
