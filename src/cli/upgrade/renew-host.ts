import { setTimeout as delay } from 'node:timers/promises'
import { type OpenworkClient, openworkClient } from '../../api/openwork-client.ts'
import type { RuntimeVersions, UpgradeState } from '../../api/runtime.ts'
import { probeServer } from '../../orchestrator/host-status.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'

const ASK_EVERY_MS = 300
const REQUEST_MS = 10_000
/** opencode may have to be fetched. */
const LIMIT_MS = 25 * 60_000
/** The server that answers is itself renewed: for so long its silence means nothing. */
const SILENCE_MS = 60_000

export type RenewedHost = {
  workspace: string
  url: string
  ok: boolean
  /** Services that run with another program now; the others were restarted with the same one. */
  renewed: readonly string[]
  /** Versions that run now, by service. */
  services: Readonly<Record<string, string | undefined>>
  error?: string
}

/**
 * Has a host of this machine renew its services, and waits for the end of it. Rejects only when `signal` is aborted.
 *
 * @param version what its own openwork-server is to be then
 */
export async function renewHost(host: LocalHost, version: string, signal: AbortSignal): Promise<RenewedHost> {
  const { workspace, baseUrl: url, credentials } = host
  const failed = (error: string): RenewedHost => ({ workspace, url, ok: false, renewed: [], services: {}, error })
  if (!credentials) return failed('its host token is not kept here: restart it instead')
  const client = openworkClient({ baseUrl: url, hostToken: credentials.hostToken, timeoutMs: REQUEST_MS })
  try {
    const { upgrade } = await client.upgradeRuntime()
    const { upgrade: end, services } = await waitForEnd(client, upgrade, signal)
    const versions = Object.fromEntries(
      services.filter(({ enabled }) => enabled).map(({ name, actualVersion }) => [name, actualVersion]),
    )
    const state = { workspace, url, renewed: end.renewed ?? [], services: versions }
    if (end.status !== 'idle') return { ...state, ok: false, error: end.error ?? 'it failed' }
    const server = services.find(({ name }) => name === 'openwork-server')
    if (server?.source !== 'bundled' || server.actualVersion === version) return { ...state, ok: true }
    // pnpm has a folder for each version: the host looks into its own.
    const error = `it was started from ${server.path}, which is ${server.actualVersion} still: restart it instead`
    return { ...state, ok: false, error }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof OpenworkError) return failed(error.message)
    throw error
  }
}

async function waitForEnd(
  client: OpenworkClient,
  { operationId }: UpgradeState,
  signal: AbortSignal,
): Promise<RuntimeVersions> {
  const endsAtMs = performance.now() + LIMIT_MS
  let heardMs = performance.now()
  for (;;) {
    await delay(ASK_EVERY_MS, undefined, { signal })
    try {
      const versions = await client.runtimeVersions()
      heardMs = performance.now()
      const { upgrade } = versions
      if (upgrade.operationId !== operationId || upgrade.status !== 'running') return versions
    } catch (error) {
      if (!(error instanceof OpenworkError) || performance.now() - heardMs > SILENCE_MS) throw error
    }
    if (performance.now() > endsAtMs)
      throw new OpenworkError('upgrade_failed', `The host has not finished after ${LIMIT_MS / 60_000} minutes`)
  }
}

/** Those whose server is another version. Hosts that do not answer are not counted. */
export async function hostsOfOtherVersion(hosts: readonly LocalHost[], version: string): Promise<LocalHost[]> {
  const answers = await Promise.all(hosts.map(({ baseUrl }) => probeServer(baseUrl)))
  return hosts.filter((_host, index) => {
    const health = answers[index]?.health
    return health !== undefined && health.version !== version
  })
}
