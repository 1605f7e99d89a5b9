import { z } from 'zod'
import { approvalReplied, approvalReply } from '../../api/approvals.ts'
import {
  HOST_KEEP_ALIVE_MS,
  hostChecked,
  hostCheckRequest,
  hostCredentials,
  hostEvents,
  hostPairing,
  hostReleased,
  hostSnapshot,
  hostStopping,
  hostStopRequest,
  serviceRestarted,
  serviceRestartRequest,
} from '../../api/host.ts'
import { eventRoutesOf, ok, routesOf } from '../../http/route.ts'
import type { FailureCode } from '../../shared/errors.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { askStop, checkObserved, credentialsOf, openPairing, restartService, serverOf } from './host-requests.ts'
import type { LiveView } from './live-view.ts'
import type { ObservedHost } from './observed-host.ts'

export type HostRouteServices = { host: ObservedHost; view: LiveView }

const route = routesOf<'bearer', undefined, HostRouteServices>()
const eventRoute = eventRoutesOf<'bearer', undefined, HostRouteServices>()

const SERVER_FAILS: readonly FailureCode[] = ['server_unreachable', 'server_invalid_answer', 'request_refused']

const snapshot = route({
  method: 'GET',
  path: '/host',
  summary: 'How the host is, as its dashboard shows it',
  access: 'bearer',
  reply: ok(hostSnapshot),
  fails: [],
  handle: (_call, { view }) => view.snapshot(),
})

const events = eventRoute({
  method: 'GET',
  path: '/host/events',
  summary: 'How the host is and what it logs, from now on',
  access: 'bearer',
  query: z.object({ logs: z.coerce.number().int().min(0).max(5_000).catch(0) }),
  events: hostEvents,
  keepAliveMs: HOST_KEEP_ALIVE_MS,
  fails: [],
  handle: ({ query: { logs }, signal }, { view }) => view.events({ logs, signal }),
})

const credentials = route({
  method: 'GET',
  path: '/host/credentials',
  summary: 'What clients of the host are let in with',
  access: 'bearer',
  reply: ok(hostCredentials),
  fails: [],
  handle: (_call, { host }) => credentialsOf(host),
})

const pairing = route({
  method: 'POST',
  path: '/host/pairing',
  summary: 'Open a code with which one device gets a token of its own',
  access: 'bearer',
  reply: ok(hostPairing),
  fails: ['pairing_limit_reached', ...SERVER_FAILS],
  handle: (_call, { host }) => openPairing(host),
})

const restart = route({
  method: 'POST',
  path: '/host/services/:name/restart',
  summary: 'End a service and start it again; without `force` only when no work would end with it',
  access: 'bearer',
  body: serviceRestartRequest,
  bodyOptional: true,
  reply: ok(serviceRestarted),
  fails: [
    'invalid_json',
    'invalid_payload',
    'service_not_found',
    'not_available',
    'workspace_busy',
    'service_gave_up',
    'service_exited',
    'service_stopped',
  ],
  handle: async ({ params: { name }, body, keepOpen }, { host, view }) => {
    keepOpen()
    await restartService(host, name, body)
    const service = view.service(name)
    if (service) return { ok: true as const, service }
    throw new OpenworkError('service_not_found', `This host has no service "${name}"`)
  },
})

const approval = route({
  method: 'POST',
  path: '/host/approvals/:id',
  summary: 'Allow or deny a change that waits for its answer',
  access: 'bearer',
  body: approvalReply,
  reply: ok(approvalReplied),
  fails: ['invalid_json', 'invalid_payload', 'approval_not_found', ...SERVER_FAILS],
  handle: async ({ params: { id }, body: { reply } }, { host }) => {
    const { ok, allowed } = await serverOf(host).replyApproval(id, reply)
    return { ok, allowed }
  },
})

const stop = route({
  method: 'POST',
  path: '/host/stop',
  summary: 'Stop the host; without `force` only when no work would end with it',
  access: 'bearer',
  body: hostStopRequest,
  bodyOptional: true,
  reply: ok(hostStopping),
  fails: ['invalid_json', 'invalid_payload', 'workspace_busy'],
  handle: async ({ body, keepOpen }, { host }) => {
    keepOpen() // opencode is asked what runs there
    await askStop(host, body)
    return { ok: true as const }
  },
})

const release = route({
  method: 'POST',
  path: '/host/release',
  summary: 'Let the host go on without whoever started it',
  access: 'bearer',
  reply: ok(hostReleased),
  fails: [],
  handle: async (_call, { host }) => {
    await host.life.release()
    return { ok: true as const }
  },
})

const check = route({
  method: 'POST',
  path: '/host/check',
  summary: 'Use the host once as a remote client would',
  access: 'bearer',
  body: hostCheckRequest,
  bodyOptional: true,
  reply: ok(hostChecked),
  fails: ['invalid_json', 'invalid_payload', 'not_available', 'check_failed'],
  handle: async ({ body, keepOpen }, { host }) => {
    keepOpen()
    const checks = await checkObserved(host, body)
    return { ok: true as const, checks: checks.map(({ name, tookMs }) => ({ name, tookMs })) }
  },
})

/** What a host is asked by programs of its machine; `api/host.ts` describes it. */
export const HOST_ROUTES = [snapshot, events, credentials, pairing, restart, approval, stop, release, check]
