import type { z } from 'zod'
import type { FailureCode } from '../shared/errors.ts'
import type { ServerEvent } from './event-stream.ts'
import type { Exchange } from './exchange.ts'

type ParamNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

/** What a handler gets of its request: never the request itself. */
export type Call<Caller, Params extends string = string, Query = unknown, Body = unknown> = {
  /** Decoded. */
  readonly params: Readonly<Record<Params, string>>
  readonly query: Query
  readonly body: Body
  readonly caller: Caller
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  /** Lifts the limit on silence before the answer: for those that wait for someone. */
  keepOpen(): void
  /** For those that have waited: throws what the caller would be refused with now. */
  stillAdmitted(): Promise<void>
}

/** `signal` is aborted when the stream ends, whoever ends it. */
export type EventCall<Caller, Params extends string = string, Query = unknown> = Omit<
  Call<Caller, Params, Query>,
  'body' | 'keepOpen' | 'stillAdmitted'
> & {
  /** The id of the last event that a client which reconnects has got. */
  readonly lastEventId: string | undefined
}

export type BytesCall<Caller, Params extends string = string, Query = unknown> = Omit<
  Call<Caller, Params, Query>,
  'body' | 'stillAdmitted'
> & {
  readonly method: 'GET' | 'HEAD'
  /** A request header: `range`, `if-none-match`, … */
  header(name: string): string | null
}

export type Reply<Result> = { readonly status: 200 | 201 | 202; readonly schema: z.ZodType<Result> }

export const ok = <Result>(schema: z.ZodType<Result>): Reply<Result> => ({ status: 200, schema })
export const created = <Result>(schema: z.ZodType<Result>): Reply<Result> => ({ status: 201, schema })
export const accepted = <Result>(schema: z.ZodType<Result>): Reply<Result> => ({ status: 202, schema })

/** What all routes with a method and a fixed path have. `httpApp` makes them answer, the OpenAPI page describes them. */
type Endpoint<Access> = {
  readonly path: string
  readonly summary: string
  readonly access: Access
  readonly query: z.ZodType | undefined
  /** Beyond those any route of this access may answer. */
  readonly fails: readonly FailureCode[]
}

/** JSON in, JSON out. */
export type Route<Access, Caller, Services> = Endpoint<Access> & {
  readonly kind: 'json'
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body: z.ZodType | undefined
  /** Another code than `invalid_payload` for an issue in this field of the body. */
  readonly bodyCodes: Readonly<Record<string, FailureCode>>
  /** An empty body counts as `{}`. */
  readonly bodyOptional: boolean
  readonly maxBodyBytes: number | undefined
  readonly reply: Reply<unknown>
  handle(call: Call<Caller>, services: Services): unknown
}

/** A stream of server-sent events. */
export type EventRoute<Access, Caller, Services> = Endpoint<Access> & {
  readonly kind: 'events'
  readonly method: 'GET'
  /** What its events carry, by their kind. */
  readonly events: Readonly<Record<string, z.ZodType>>
  /** Between two signs of life, where clients have to notice sooner than elsewhere that there is none. */
  readonly keepAliveMs: number | undefined
  handle(call: EventCall<Caller>, services: Services): AsyncIterable<ServerEvent> | Promise<AsyncIterable<ServerEvent>>
}

/** Bytes that are no JSON: downloads. HEAD asks the same handler. */
export type BytesRoute<Access, Caller, Services> = Endpoint<Access> & {
  readonly kind: 'bytes'
  readonly method: 'GET'
  handle(call: BytesCall<Caller>, services: Services): Response | Promise<Response>
}

/** A route of any method that passes bytes through, as proxies do. Whom it lets in can depend on the request. */
export type StreamRoute<Access, Caller, Services> = {
  readonly kind: 'stream'
  /** May end in `/*`. */
  readonly path: string
  readonly summary: string
  access(exchange: AccessQuestion): Access
  readonly fails: readonly FailureCode[]
  handle(call: StreamCall<Caller>, services: Services): Promise<Response>
}

/** What access may depend on. */
export type AccessQuestion = { readonly path: string; readonly request: { readonly method: string } }

export type StreamCall<Caller> = Pick<Call<Caller>, 'params' | 'caller' | 'stillAdmitted'> & {
  readonly exchange: Exchange
}

/** All kinds. */
export type AnyRoute<Access, Caller, Services> =
  | Route<Access, Caller, Services>
  | EventRoute<Access, Caller, Services>
  | BytesRoute<Access, Caller, Services>
  | StreamRoute<Access, Caller, Services>

/** Those with a path and an access of their own. */
export type FixedRoute<Access, Caller, Services> = Exclude<AnyRoute<Access, Caller, Services>, { kind: 'stream' }>

/** The same route at another path with more parameters, which `check` may refuse with one of `fails`. */
export function routeAt<Access, Caller, Services>(
  path: string,
  route: FixedRoute<Access, Caller, Services>,
  check: (params: Readonly<Record<string, string>>, services: Services) => void,
  fails: readonly FailureCode[],
): FixedRoute<Access, Caller, Services> {
  const handle = (call: never, services: Services): unknown => {
    check((call as Pick<Call<Caller>, 'params'>).params, services)
    return route.handle(call, services)
  }
  // Every kind keeps its own handler, whose call goes on as it came.
  return { ...route, path, fails: [...route.fails, ...fails], handle } as FixedRoute<Access, Caller, Services>
}

type EndpointSpec<Access, Path extends string, Query> = Pick<Endpoint<Access>, 'summary' | 'access' | 'fails'> & {
  path: Path
  /** Fields arrive as texts: coerce numbers; `.catch()` makes a field lenient. */
  query?: z.ZodType<Query>
}

type RouteSpec<Access, Caller, Services, Path extends string, Query, Body, Result> = EndpointSpec<
  Access,
  Path,
  Query
> & {
  method: Route<Access, Caller, Services>['method']
  body?: z.ZodType<Body>
  bodyCodes?: Readonly<Record<string, FailureCode>>
  bodyOptional?: true
  /** Default 1 MiB. */
  maxBodyBytes?: number
  reply: Reply<Result>
  handle(call: Call<Caller, ParamNames<Path>, Query, Body>, services: Services): Result | Promise<Result>
}

/** The `route()` of one program: its kinds of access, its callers and its services are fixed, the rest is inferred. */
export const routesOf =
  <Access, Caller, Services>() =>
  <const Path extends string, Result, Query = undefined, Body = undefined>(
    spec: RouteSpec<Access, Caller, Services, Path, Query, Body, Result>,
  ): Route<Access, Caller, Services> => ({
    ...spec,
    kind: 'json',
    query: spec.query,
    body: spec.body,
    bodyCodes: spec.bodyCodes ?? {},
    bodyOptional: spec.bodyOptional ?? false,
    maxBodyBytes: spec.maxBodyBytes,
    // The router only calls this with the params of `path`, and what passed `query` and `body`.
    handle: (call, services) => spec.handle(call as Call<Caller, ParamNames<Path>, Query, Body>, services),
  })

type EventRouteSpec<Access, Caller, Services, Path extends string, Query> = EndpointSpec<Access, Path, Query> & {
  method: 'GET'
  events: EventRoute<Access, Caller, Services>['events']
  keepAliveMs?: number
  /**
   * Asked for the next event when the client has taken the last one. What is thrown before the iterable is returned
   * refuses the request, so `handle` is no generator itself; later failures are a last event `failure`.
   */
  handle(
    call: EventCall<Caller, ParamNames<Path>, Query>,
    services: Services,
  ): AsyncIterable<ServerEvent> | Promise<AsyncIterable<ServerEvent>>
}

/** The `eventRoute()` of one program. */
export const eventRoutesOf =
  <Access, Caller, Services>() =>
  <const Path extends string, Query = undefined>(
    spec: EventRouteSpec<Access, Caller, Services, Path, Query>,
  ): EventRoute<Access, Caller, Services> => ({
    ...spec,
    kind: 'events',
    query: spec.query,
    keepAliveMs: spec.keepAliveMs,
    handle: (call, services) => spec.handle(call as EventCall<Caller, ParamNames<Path>, Query>, services),
  })

type BytesRouteSpec<Access, Caller, Services, Path extends string, Query> = EndpointSpec<Access, Path, Query> & {
  method: 'GET'
  handle(call: BytesCall<Caller, ParamNames<Path>, Query>, services: Services): Response | Promise<Response>
}

/** The `bytesRoute()` of one program. */
export const bytesRoutesOf =
  <Access, Caller, Services>() =>
  <const Path extends string, Query = undefined>(
    spec: BytesRouteSpec<Access, Caller, Services, Path, Query>,
  ): BytesRoute<Access, Caller, Services> => ({
    ...spec,
    kind: 'bytes',
    query: spec.query,
    handle: (call, services) => spec.handle(call as BytesCall<Caller, ParamNames<Path>, Query>, services),
  })
