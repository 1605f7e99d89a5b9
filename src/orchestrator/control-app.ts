import { createHash, timingSafeEqual } from 'node:crypto'
import { hostname } from 'node:os'
import { runtimeVersions, upgradeRequest, upgradeStarted } from '../api/runtime.ts'
import { httpApp } from '../http/app.ts'
import { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import { hostCheck } from '../http/host-policy.ts'
import { OpenStreams } from '../http/open-streams.ts'
import { accepted, ok, routesOf } from '../http/route.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { Secret } from '../shared/secret.ts'
import type { Runtime } from './runtime.ts'

type Services = { runtime: Runtime }

export type ControlHandler = ReturnType<typeof httpApp>

const route = routesOf<'bearer', undefined, Services>()

const versions = route({
  method: 'GET',
  path: '/runtime/versions',
  summary: 'What runs on this host, in which version, and the newest upgrade',
  access: 'bearer',
  reply: ok(runtimeVersions),
  fails: [],
  handle: (_call, { runtime }) => runtime.versions(),
})

const upgrade = route({
  method: 'POST',
  path: '/runtime/upgrade',
  summary: 'Renew services, one after the other',
  access: 'bearer',
  body: upgradeRequest,
  reply: accepted(upgradeStarted),
  fails: ['invalid_json', 'invalid_payload', 'invalid_services', 'upgrade_in_progress'],
  handle: ({ body }, { runtime }) => {
    const upgrade = runtime.upgrade(body.services)
    return { ok: true, started: true, services: upgrade.services, upgrade }
  },
})

/** The request handler of the control server: every route asks for the bearer token. */
export function controlApp({
  runtime,
  log,
  token,
  bind,
}: {
  runtime: Runtime
  log: Log
  token: Secret
  bind: string
}): ControlHandler {
  const expected = digest(`Bearer ${token.reveal()}`)
  return httpApp<'bearer', undefined, Services>({
    routes: [versions, upgrade],
    services: { runtime },
    admit: (_access, exchange: Exchange) => {
      // Digests: of one length, whatever was presented.
      if (timingSafeEqual(digest(exchange.header('authorization') ?? ''), expected)) return undefined
      throw new OpenworkError('unauthorized', 'The control token is required')
    },
    checkHost: hostCheck({ bind, allowedHosts: [], machineName: hostname() }),
    cors: new Cors([]),
    streams: new OpenStreams(),
    requestLog: undefined,
    errorLog: log,
  })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
