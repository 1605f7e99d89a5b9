import type { HostCredentials, HostPairing } from '../../api/host.ts'
import { engineWork } from '../../api/hot-reload.ts'
import { opencodeClient } from '../../api/opencode-client.ts'
import { type OpenworkClient, openworkClient } from '../../api/openwork-client.ts'
import { pairingLink } from '../../api/pairings.ts'
import { amountOf } from '../../hot-reload/engine-work.ts'
import { renderWork } from '../../hot-reload/reload-text.ts'
import { OPENCODE } from '../../services/opencode.ts'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import { ORCHESTRATOR } from '../../shared/orchestrator-name.ts'
import type { ServiceSnapshot } from '../../supervisor/service.ts'
import { type CheckStep, checkHost } from '../check.ts'
import type { HeldWork } from '../control-app.ts'
import { restartOpencode } from '../restart-opencode.ts'
import type { ObservedHost } from './observed-host.ts'

const SERVER_LIMIT_MS = 10_000

/**
 * Ends a service and starts it again; resolves when it is ready.
 * @throws OpenworkError service_not_found; not_available for the host itself; workspace_busy without `force`, when work
 *   would end with it, or that cannot be found out; and as `Supervisor.restart`
 */
export async function restartService(host: ObservedHost, name: string, { force }: { force: boolean }): Promise<void> {
  const { state } = findService(host, name)
  const { plan, log } = host
  const restart = (): Promise<unknown> => {
    log.info(`restarting ${name}, as asked`)
    return host.restart(name)
  }
  // One that does not answer has nobody to tell.
  if (name !== OPENCODE || state !== 'ready') {
    await restart()
    return
  }
  await using _held = force ? undefined : await requireIdle(host, 'opencode')
  await restartOpencode({ client: opencodeClient(plan.opencode), server: plan.server, restart }, log)
}

function findService(host: ObservedHost, name: string): ServiceSnapshot {
  if (name === ORCHESTRATOR)
    throw new OpenworkError('not_available', `${ORCHESTRATOR} is the host itself, which does not restart itself`, {
      hint: 'Restart one of its services, or stop the host and start it again.',
    })
  const services = host.services()
  const service = services.find(each => each.name === name)
  if (service) return service
  const names = services.map(each => each.name)
  throw new OpenworkError('service_not_found', `This host has no service "${name}"`, {
    hint: `It has ${names.join(' and ')}.`,
    details: { services: names },
  })
}

/**
 * The host is to end; whoever runs it does that.
 * @throws OpenworkError workspace_busy without `force`, when work would end with it, or that cannot be found out
 */
export async function askStop(host: ObservedHost, { force }: { force: boolean }): Promise<void> {
  if (!force) {
    const held = await requireIdle(host, 'the host')
    // Whoever waits would wait in vain, and the answer must be out before the host is down.
    await held?.[Symbol.asyncDispose]()
  }
  host.log.info('asked to stop')
  host.life.askStop()
}

/** Nothing is at work, nor is anything begun until what is returned is disposed of. Undefined: there is nothing to hold. */
async function requireIdle(host: ObservedHost, what: 'opencode' | 'the host'): Promise<HeldWork | undefined> {
  const isUp = host.services().some(({ name, state }) => name === OPENCODE && state === 'ready')
  if (!isUp || host.life.phase !== 'ready') return undefined // what is not up has no work
  const hint = `Wait for it to end, or have ${what} ${what === 'opencode' ? 'restarted' : 'stopped'} all the same.`
  let held: HeldWork
  try {
    held = (await host.reloads()?.heldWork()) ?? (await ownWork(host))
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    throw new OpenworkError('workspace_busy', `opencode does not say whether it is at work: ${messageOf(error)}`, {
      hint,
      cause: error,
    })
  }
  const { work } = held
  if (amountOf(work) === 0) return held
  await held[Symbol.asyncDispose]()
  throw new OpenworkError('workspace_busy', `Work would end with ${what}: ${renderWork(work)}`, {
    hint,
    details: { work: engineWork.parse(work) },
  })
}

/** Where hot reload has not begun yet, or could not. */
async function ownWork({ plan }: ObservedHost): Promise<HeldWork> {
  const work = await opencodeClient(plan.opencode).work(plan.workspace)
  return { work, async [Symbol.asyncDispose]() {} }
}

/** What remote clients and opencode's own are let in with. */
export function credentialsOf({ plan, verified }: ObservedHost): HostCredentials {
  const { server, opencode } = plan
  const owner = server.readOnly ? undefined : verified()?.owner
  return {
    clientToken: server.token.reveal(),
    hostToken: server.hostToken.reveal(),
    ...(owner && { ownerToken: owner.token.reveal() }),
    opencodeUsername: opencode.username.reveal(),
    opencodePassword: opencode.password.reveal(),
  }
}

/** Throws as `OpenworkClient` does. */
export async function openPairing(host: ObservedHost): Promise<HostPairing> {
  const { code, expiresAt } = await serverOf(host).openPairing({})
  return { url: pairingLink(host.plan.server.connectUrl, code), code, expiresAt }
}

export const serverOf = ({ plan }: ObservedHost): OpenworkClient =>
  openworkClient({ baseUrl: plan.server.baseUrl, hostToken: plan.server.hostToken, timeoutMs: SERVER_LIMIT_MS })

/** @throws OpenworkError check_failed; not_available before it is ready */
export async function checkObserved(host: ObservedHost, { events }: { events: boolean }): Promise<CheckStep[]> {
  const verified = host.verified()
  if (!verified || host.life.phase !== 'ready')
    throw new OpenworkError('not_available', `The host is ${host.life.phase}, and is not checked`, {
      hint: 'Try again when it is ready.',
    })
  const { plan } = host
  return await checkHost({ plan, owner: verified.owner }, { events, readOnly: plan.server.readOnly })
}
