import { workspaceActivity } from '../api/control.ts'
import { PROBE_USER_AGENT } from '../api/health.ts'
import { openworkClient } from '../api/openwork-client.ts'
import { askServer } from '../api/request.ts'
import type { HostPlan } from './plan.ts'

const ASK_LIMIT_MS = 5_000

/**
 * Folders that clients of openwork-server have used opencode in, in this life of the server: beside the host's own, those
 * that were added to its list.
 *
 * @throws OpenworkError as `OpenworkClient` does
 */
export async function usedDirectories({ server, opencode }: HostPlan): Promise<string[]> {
  const { baseUrl, hostToken } = server
  const options = { baseUrl, hostToken, userAgent: PROBE_USER_AGENT, timeoutMs: ASK_LIMIT_MS }
  const [{ items: workspaces }, { items: activities }] = await Promise.all([
    openworkClient(options).workspaces(),
    askServer(options, { method: 'GET', path: '/workspaces/activity' }, workspaceActivity),
  ])
  const used = new Set(activities.filter(({ lastRequestAt }) => lastRequestAt !== null).map(each => each.workspaceId))
  return workspaces
    .filter(({ id, opencode: own }) => used.has(id) && own?.baseUrl === opencode.baseUrl)
    .flatMap(({ path, opencode: own }) => own?.directory ?? (path || []))
}
