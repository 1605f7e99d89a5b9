import type { HotReloadStatus } from '../api/hot-reload.ts'
import { messageOf, OpenworkError, systemCode } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import { reveal, type Secret, secret } from '../shared/secret.ts'
import { basicAuth } from '../shared/url.ts'
import { listRuns } from '../supervisor/run-record.ts'
import { type HostInfo, parseHostInfo } from './host-info.ts'

/** `health` is the service's own answer. */
export type ServiceHealth = { ok: boolean; url: string; health?: Record<string, unknown>; error?: string }

export type HostHealth = {
  runId: string
  pid: number
  workspace: string
  /** `listed`: a daemon. */
  serves: HostInfo['serves']
  openwork: ServiceHealth
  opencode: ServiceHealth
  /** Of each directory that is looked after; undefined when the host does not say. */
  hotReload: HotReloadStatus[] | undefined
}

const PROBE_MS = 5_000

/** Health of an openwork-server, by its unauthenticated health route. Never rejects. */
export const probeServer = (url: string): Promise<ServiceHealth> => probe(url, '/health', {})

/** Health of an opencode server; without credentials one that asks for them counts as down. Never rejects. */
export const probeOpencode = (
  url: string,
  auth: { username: Secret; password: Secret } | undefined,
): Promise<ServiceHealth> =>
  probe(url, '/global/health', auth ? { authorization: basicAuth(auth.username, auth.password) } : {})

/** The living hosts of a data dir, oldest first, each asked for its health. */
export async function probeRunningHosts(runsFolder: string): Promise<HostHealth[]> {
  const runs = await listRuns(runsFolder)
  const living = runs.flatMap(run => {
    const info = run.alive ? parseHostInfo(run.info) : undefined
    return info ? [{ run, info }] : []
  })
  return Promise.all(
    living
      .sort((a, b) => a.run.startedAtMs - b.run.startedAtMs)
      .map(async ({ run, info }) => {
        const { username, password } = info.opencode
        const [openwork, opencode, hotReload] = await Promise.all([
          probeServer(info.openwork.baseUrl),
          probeOpencode(info.opencode.baseUrl, { username: secret(username), password: secret(password) }),
          askReloads(info),
        ])
        const { workspace, serves } = info
        return { runId: run.runId, pid: run.owner.pid, workspace, serves, openwork, opencode, hotReload }
      }),
  )
}

/** Schemas are loaded while the other answers are on their way. */
async function askReloads({ control }: HostInfo): Promise<HotReloadStatus[] | undefined> {
  const { controlClient } = await import('../api/control-client.ts')
  try {
    return await controlClient({ ...control, timeoutMs: PROBE_MS }).reloadStatuses()
  } catch (error) {
    if (error instanceof OpenworkError) return undefined // it starts, ends, or is another version
    throw error
  }
}

async function probe(url: string, path: string, headers: Record<string, string | Secret>): Promise<ServiceHealth> {
  try {
    const response = await fetch(`${url}${path}`, {
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, reveal(value)])),
      signal: AbortSignal.timeout(PROBE_MS),
      ...fetchRoute(url),
    })
    if (!response.ok) {
      await response.body?.cancel()
      return { ok: false, url, error: explainStatus(response.status) }
    }
    const health: unknown = await response.json()
    if (typeof health !== 'object' || health === null)
      return { ok: false, url, error: 'its answer is not a health report' }
    return { ok: true, url, health: health as Record<string, unknown> }
  } catch (error) {
    return { ok: false, url, error: explainFailure(error) }
  }
}

const explainStatus = (status: number): string =>
  status === 401 ? 'it asks for credentials (HTTP 401)' : `it answers HTTP ${status}`

function explainFailure(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `no answer within ${PROBE_MS / 1000} s`
  if (error instanceof SyntaxError) return 'its answer is not JSON'
  if (systemCode(error) === 'ECONNREFUSED' || systemCode(error) === 'ConnectionRefused') return 'connection refused'
  return messageOf(error)
}
