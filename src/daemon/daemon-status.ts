import type { DaemonProcess, DaemonStatus } from '../api/daemon.ts'
import { type Readiness, readinessDocument } from '../orchestrator/readiness.ts'
import { OPENCODE } from '../services/opencode.ts'
import { OPENWORK_SERVER } from '../services/openwork-server.ts'
import type { ServiceSnapshot } from '../supervisor/service.ts'
import type { DaemonOptions } from './daemon-options.ts'
import type { Instances } from './instances/instances.ts'
import type { WorkspaceList } from './workspace-list.ts'

export type StatusInput = {
  daemon: DaemonProcess
  readiness: Readiness
  options: DaemonOptions
  list: WorkspaceList
  instances: Instances
}

/** How the daemon is; its instances as of the last look at them. */
export async function statusOf({ daemon, readiness, options, list, instances }: StatusInput): Promise<DaemonStatus> {
  const { host } = readiness
  const { cliVersion, sidecar, binaries } = readinessDocument(readiness).diagnostics
  const { baseUrl, connectUrl } = host.plan.server
  const server = findService(host, OPENWORK_SERVER)
  const { idleTimeoutMs, logFile } = options
  return {
    ok: true,
    daemon,
    opencode: opencodeProcess(host) ?? null,
    activeId: list.activeId,
    workspaceCount: list.size,
    cliVersion,
    sidecar,
    binaries: { opencode: binaries.opencode },
    openwork: {
      baseUrl,
      connectUrl,
      state: server?.state ?? 'exited',
      ...(server?.pid !== undefined && { pid: server.pid }),
    },
    engine: await instances.engine(),
    hotReload: options.services.opencode.hotReload,
    idleTimeoutMs,
    instances: list.all.map(({ id }) => instances.status(id)),
    ...(logFile !== undefined && { logFile }),
  }
}

export const findService = (host: Readiness['host'], name: string): ServiceSnapshot | undefined =>
  host.services().find(service => service.name === name)

/** Undefined while there is none that could be asked. */
export function opencodeProcess(host: Readiness['host']): DaemonProcess | undefined {
  const service = findService(host, OPENCODE)
  if (service?.pid === undefined || service.state === 'starting') return undefined
  const { port, baseUrl } = host.plan.opencode
  return { pid: service.pid, port, baseUrl, startedAt: service.startedAtMs ?? Date.now() }
}
