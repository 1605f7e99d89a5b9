import type { z } from 'zod'
import type { FailureCode } from '../shared/errors.ts'
import type { Exchange } from './exchange.ts'

type ParamNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

/** What a handler gets of its request: never the request itself. */
export type Call<Caller, Params extends string = string, Body = unknown> = {
  /** Decoded. */
  readonly params: Readonly<Record<Params, string>>
  readonly body: Body
  readonly caller: Caller
}

export type Reply<Result> = { readonly status: 200 | 201; readonly schema: z.ZodType<Result> }

export const ok = <Result>(schema: z.ZodType<Result>): Reply<Result> => ({ status: 200, schema })
export const created = <Result>(schema: z.ZodType<Result>): Reply<Result> => ({ status: 201, schema })

/** A JSON route as data. `mountRoutes` makes it answer; the OpenAPI page is to be made from the same fields. */
export type Route<Access, Caller, Services> = {
  readonly kind: 'json'
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly summary: string
  readonly access: Access
  readonly body: z.ZodType | undefined
  /** Another code than `invalid_payload` for an issue in this field of the body. */
  readonly bodyCodes: Readonly<Record<string, FailureCode>>
  readonly reply: Reply<unknown>
  /** Beyond those any route of this access may answer. */
  readonly fails: readonly FailureCode[]
  handle(call: Call<Caller>, services: Services): unknown
}

/** A route of any method that passes bytes through, as proxies do. Whom it lets in can depend on the request. */
export type StreamRoute<Access, Caller, Services> = {
  readonly kind: 'stream'
  /** May end in `/*`. */
  readonly path: string
  readonly summary: string
  access(exchange: Exchange): Access
  readonly fails: readonly FailureCode[]
  handle(call: StreamCall<Caller>, services: Services): Promise<Response>
}

export type StreamCall<Caller> = Pick<Call<Caller>, 'params' | 'caller'> & { readonly exchange: Exchange }

type RouteSpec<Access, Caller, Services, Path extends string, Body, Result> = Pick<
  Route<Access, Caller, Services>,
  'method' | 'summary' | 'access' | 'fails'
> & {
  path: Path
  body?: z.ZodType<Body>
  bodyCodes?: Readonly<Record<string, FailureCode>>
  reply: Reply<Result>
  handle(call: Call<Caller, ParamNames<Path>, Body>, services: Services): Result | Promise<Result>
}

/** The `route()` of one program: its kinds of access, its callers and its services are fixed, the rest is inferred. */
export const routesOf =
  <Access, Caller, Services>() =>
  <const Path extends string, Result, Body = undefined>(
    spec: RouteSpec<Access, Caller, Services, Path, Body, Result>,
  ): Route<Access, Caller, Services> => ({
    ...spec,
    kind: 'json',
    body: spec.body,
    bodyCodes: spec.bodyCodes ?? {},
    // The router only calls this with the params of `path` and a body that passed `body`.
    handle: (call, services) => spec.handle(call as Call<Caller, ParamNames<Path>, Body>, services),
  })
