import { type Context, Hono } from 'hono'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { Cors } from './cors.ts'
import { eventStream, KEEP_ALIVE_MS } from './event-stream.ts'
import { type ConnectionInfo, decodePath, Exchange } from './exchange.ts'
import { type FailureExtra, failureResponse } from './failures.ts'
import { checkAnnouncedLength, MAX_BODY_BYTES, readJsonBody } from './json-body.ts'
import type { OpenStreams } from './open-streams.ts'
import type { RequestLog } from './request-log.ts'
import type { AnyRoute, BytesRoute, EventRoute, Route, StreamRoute } from './route.ts'
import { validateQuery } from './validate.ts'

export type AppOptions<Access, Caller, Services> = {
  routes: readonly AnyRoute<Access, Caller, Services>[]
  services: Services
  /** Who calls, if they may. Throws the failure otherwise, and names the kind of caller in `exchange.auth`. */
  admit(access: Access, exchange: Exchange): Eventual<Caller>
  checkHost(exchange: Exchange): void
  cors: Cors
  /** Where open event streams are noted. */
  streams: OpenStreams
  /** Between two signs of life on a quiet event stream; 15 s unless given. */
  keepAliveMs?: number
  requestLog: RequestLog | undefined
  /** What stands in the bodies of failures besides `{code, message, details?}`. */
  failureExtra?: FailureExtra
  /** Where bugs go, with their stack. */
  errorLog: Log
}

/**
 * The request handler of a program: Host and Origin checks, preflight, route, admission, body, handler; every failure
 * as `{code, message, details?}`; one log record per request. A route is matched before its caller is judged: an
 * unknown path is 404 for everyone. HEAD is answered by GET routes; a trailing slash is another path.
 */
export function httpApp<Access, Caller, Services>(
  options: AppOptions<Access, Caller, Services>,
): (request: Request, server: ConnectionInfo) => Eventual<Response> {
  const { checkHost, cors, requestLog, errorLog, failureExtra } = options
  const router = mountRoutes(options)

  const answer = (exchange: Exchange): Eventual<Response> => {
    const { request, path } = exchange
    checkHost(exchange)
    cors.check(exchange)
    if (request.method === 'OPTIONS') return new Response(null, { status: 204 })
    decodePath(path)
    checkAnnouncedLength(request, MAX_BODY_BYTES)
    return router.fetch(request, { exchange })
  }

  const failed = (exchange: Exchange, error: unknown): Response => {
    if (error instanceof Error) exchange.attributes.error = error.message
    if (!(error instanceof OpenworkError)) reportBug(errorLog, exchange, error)
    return failureResponse(error, failureExtra)
  }

  return (request, server) => {
    const exchange = new Exchange(request, server)
    const finish = (response: Response): Response => {
      cors.allow(exchange, response)
      requestLog?.record(exchange, response.status)
      return response
    }
    try {
      const response = answer(exchange)
      if (response instanceof Response) return finish(response)
      return response.catch(error => failed(exchange, error)).then(finish)
    } catch (error) {
      return finish(failed(exchange, error))
    }
  }
}

/** A value, or the promise of one. Answers that need no waiting are given without a promise: Bun then sends them a third faster (measured, 1.4.5). */
export type Eventual<Value> = Value | Promise<Value>

const eventually = <Value, Next>(value: Eventual<Value>, next: (value: Value) => Eventual<Next>): Eventual<Next> =>
  value instanceof Promise ? value.then(next) : next(value)

type Env = { Bindings: { exchange: Exchange } }

function mountRoutes<Access, Caller, Services>(options: AppOptions<Access, Caller, Services>): Hono<Env> {
  const router = new Hono<Env>()
  // Hono's own answers to failures are text; ours are made in one place.
  router.onError(error => {
    throw error
  })
  router.notFound(() => {
    throw new OpenworkError('not_found', 'No such route')
  })
  for (const route of options.routes) {
    if (route.kind === 'stream') router.all(route.path, context => answerStream(route, context, options))
    else router.on(route.method, route.path, context => answerEndpoint(route, context, options))
  }
  return router
}

type Endpoint<Access, Caller, Services> = Exclude<AnyRoute<Access, Caller, Services>, { kind: 'stream' }>

function answerEndpoint<Access, Caller, Services>(
  route: Endpoint<Access, Caller, Services>,
  context: Context<Env>,
  options: AppOptions<Access, Caller, Services>,
): Eventual<Response> {
  const { exchange } = context.env
  return eventually(options.admit(route.access, exchange), caller => {
    const params = context.req.param()
    const query = route.query && validateQuery(exchange.search, route.query)
    const admitted = { exchange, params, query, caller }
    switch (route.kind) {
      case 'json':
        return answerJson(route, admitted, options)
      case 'events':
        return answerEvents(route, admitted, options)
      case 'bytes':
        return answerBytes(route, admitted, options)
    }
  })
}

/** A request that may be answered. */
type Admitted<Caller> = { exchange: Exchange; params: Record<string, string>; query: unknown; caller: Caller }

function answerJson<Access, Caller, Services>(
  route: Route<Access, Caller, Services>,
  { exchange, params, query, caller }: Admitted<Caller>,
  { admit, services }: AppOptions<Access, Caller, Services>,
): Eventual<Response> {
  const { body: schema, bodyCodes: codes, maxBodyBytes: maxBytes, bodyOptional } = route
  const body =
    schema && readJsonBody(exchange.request, schema, { codes, isOptional: bodyOptional, ...(maxBytes && { maxBytes }) })
  const result = eventually(body, body =>
    route.handle(
      {
        params,
        query,
        body,
        caller,
        // Asked for by few, and not free.
        get signal() {
          return exchange.request.signal
        },
        keepOpen: () => exchange.keepOpen(),
        stillAdmitted: async () => void (await admit(route.access, exchange)),
      },
      services,
    ),
  )
  return eventually(result, result => jsonResponse(exchange, result, route.reply.status))
}

/** HEAD is answered with the length that GET would have: hono takes the body away, and with it Bun's own count. */
function jsonResponse({ request }: Exchange, result: unknown, status: number): Response {
  const response = Response.json(result, { status })
  if (request.method === 'HEAD')
    response.headers.set('content-length', String(Buffer.byteLength(JSON.stringify(result))))
  return response
}

async function answerEvents<Access, Caller, Services>(
  route: EventRoute<Access, Caller, Services>,
  { exchange, params, query, caller }: Admitted<Caller>,
  { admit, services, streams, errorLog, keepAliveMs = KEEP_ALIVE_MS }: AppOptions<Access, Caller, Services>,
): Promise<Response> {
  const lastEventId = exchange.header('last-event-id') ?? undefined
  const ended = new AbortController()
  const events = await route.handle({ params, query, caller, lastEventId, signal: ended.signal }, services)
  if (exchange.request.method === 'HEAD') {
    ended.abort()
    return new Response(null, { headers: EVENT_STREAM_HEADERS })
  }
  exchange.keepOpen()
  const stream = eventStream(events[Symbol.asyncIterator](), {
    ended,
    stillAdmitted: () => admit(route.access, exchange),
    onStalled: () => exchange.cutOff(),
    onBug: error => reportBug(errorLog, exchange, error),
    keepAliveMs: route.keepAliveMs ?? keepAliveMs,
    giveUpMs: 2 * keepAliveMs,
  })
  const forget = streams.add(stream.end)
  ended.signal.addEventListener('abort', forget, { once: true })
  return new Response(stream.body, { headers: EVENT_STREAM_HEADERS })
}

const EVENT_STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would hold events back until it has a page of them.
  'x-accel-buffering': 'no',
}

function answerBytes<Access, Caller, Services>(
  route: BytesRoute<Access, Caller, Services>,
  { exchange, params, query, caller }: Admitted<Caller>,
  { services }: AppOptions<Access, Caller, Services>,
): Eventual<Response> {
  const { request } = exchange
  return route.handle(
    {
      params,
      query,
      caller,
      method: request.method === 'HEAD' ? 'HEAD' : 'GET',
      header: name => exchange.header(name),
      get signal() {
        return request.signal
      },
      keepOpen: () => exchange.keepOpen(),
    },
    services,
  )
}

function answerStream<Access, Caller, Services>(
  route: StreamRoute<Access, Caller, Services>,
  context: Context<Env>,
  { admit, services }: AppOptions<Access, Caller, Services>,
): Eventual<Response> {
  const { exchange } = context.env
  const access = route.access(exchange)
  const stillAdmitted = async (): Promise<void> => void (await admit(access, exchange))
  return eventually(admit(access, exchange), caller =>
    route.handle({ params: context.req.param(), caller, exchange, stillAdmitted }, services),
  )
}

function reportBug(log: Log, { request, path }: Exchange, error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error)
  log.error(`${request.method} ${path} failed: ${stack}`, { method: request.method, path, status: 500 })
}
