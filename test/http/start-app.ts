import { httpApp } from '../../src/http/app.ts'
import { Cors } from '../../src/http/cors.ts'
import { hostCheck } from '../../src/http/host-policy.ts'
import { OpenStreams } from '../../src/http/open-streams.ts'
import { RequestLog } from '../../src/http/request-log.ts'
import { type AnyRoute, bytesRoutesOf, eventRoutesOf, routesOf } from '../../src/http/route.ts'
import { listeningLog } from '../fixtures/listening-log.ts'

type Services = { greeting: string }
export const route = routesOf<'open', string, Services>()
export const eventRoute = eventRoutesOf<'open', string, Services>()
export const bytesRoute = bytesRoutesOf<'open', string, Services>()

/** A program with these routes on a free port; what it logs is kept. */
export function startApp(
  routes: readonly AnyRoute<'open', string, Services>[],
  {
    bind = '127.0.0.1',
    keepAliveMs,
    admit = access => `${access} caller`,
  }: { bind?: string; keepAliveMs?: number; admit?: (access: 'open') => string } = {},
) {
  const { log, lines } = listeningLog()
  const streams = new OpenStreams()
  const fetch = httpApp({
    routes,
    services: { greeting: 'hello' },
    admit,
    checkHost: hostCheck({ bind, allowedHosts: [], machineName: 'My-Machine' }),
    cors: new Cors([]),
    streams,
    ...(keepAliveMs !== undefined && { keepAliveMs }),
    requestLog: new RequestLog(log, ({ headers }) => headers.get('user-agent') === 'a probe'),
    errorLog: log,
  })
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch })
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port ?? 0,
    lines,
    streams,
    /** Requests whose answer has not ended. */
    pending: () => server.pendingRequests,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}
