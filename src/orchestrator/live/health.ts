import type { HostSnapshot } from '../../api/host.ts'
import type { HotReloadStatus } from '../../api/hot-reload.ts'
import type { ServiceState } from '../../supervisor/service.ts'
import type { HostPhase } from './host-life.ts'

/**
 * How a host is as a whole. `degraded`: it is up, but one of its services is not ready at the moment, or opencode does not
 * serve what is on the disk and will not without somebody's help.
 */
export function healthOf(
  phase: HostPhase,
  services: readonly { state: ServiceState }[],
  reloads: readonly Pick<HotReloadStatus, 'state' | 'problems'>[],
): HostSnapshot['health'] {
  if (phase !== 'ready') return phase
  const isAllReady = services.every(({ state }) => state === 'ready')
  const isStuck = reloads.some(({ state, problems }) => STUCK.has(state) || problems.length > 0)
  return isAllReady && !isStuck ? 'ready' : 'degraded'
}

const STUCK: ReadonlySet<HotReloadStatus['state']> = new Set(['blocked', 'looping'])
