import { z } from 'zod'
import { failureBody } from '../api/failure.ts'
import { FAILURES, type FailureCode } from '../shared/errors.ts'
import type { AnyRoute, FixedRoute, StreamRoute } from './route.ts'

type Json = { readonly [key: string]: unknown }

/** An OpenAPI 3.1 document: operations by method by path. */
export type OpenApiDocument = {
  readonly openapi: '3.1.0'
  readonly info: Json
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>
  readonly components: Json
}

export type OpenApiOptions<Access> = {
  title: string
  version: string
  description: string
  securitySchemes: Json
  /** Which security schemes an access asks for, each enough by itself, and how it may be refused. */
  describe(access: Access): { security: readonly string[]; fails: readonly FailureCode[] }
}

/** Any request may be answered so. */
const ALWAYS: readonly FailureCode[] = ['host_not_allowed', 'internal_error']
/** A malformed escape, where the path is not fixed. */
const anyPath = (path: string): readonly FailureCode[] => (/[:*]/.test(path) ? ['invalid_path'] : [])
/** Pages of other origins may look, not touch. */
const anyOrigin = (method: string): readonly FailureCode[] =>
  method.toUpperCase() === 'GET' ? [] : ['origin_not_allowed']
const STREAM_METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const
const REST = 'path'

/** Describes routes by what makes them answer: what the document says is what is checked. */
export function openApiDocument<Access, Caller, Services>(
  routes: readonly AnyRoute<Access, Caller, Services>[],
  options: OpenApiOptions<Access>,
): OpenApiDocument {
  const paths: Record<string, Readonly<Record<string, Json>>> = {}
  for (const route of routes) {
    const template = templateOf(route.path)
    paths[template] = { ...paths[template], ...operationsOf(route, options) }
  }
  const { title, version, description, securitySchemes } = options
  return {
    openapi: '3.1.0',
    info: { title, version, description },
    paths,
    components: { securitySchemes, schemas: { Failure: schemaOf(failureBody, 'output') } },
  }
}

/** `/a/:id/*` as `/a/{id}/{path}`. */
const templateOf = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}').replace(/\*$/, `{${REST}}`)

function operationsOf<Access, Caller, Services>(
  route: AnyRoute<Access, Caller, Services>,
  options: OpenApiOptions<Access>,
): Record<string, Json> {
  if (route.kind !== 'stream') return { [route.method.toLowerCase()]: operationOf(route, options) }
  return Object.fromEntries(STREAM_METHODS.map(method => [method, streamOperation(route, method, options)]))
}

function operationOf<Access, Caller, Services>(
  route: FixedRoute<Access, Caller, Services>,
  { describe }: OpenApiOptions<Access>,
): Json {
  const { security, fails } = describe(route.access)
  const body = route.kind === 'json' ? route.body : undefined
  const codes = [
    ...route.fails,
    ...fails,
    ...ALWAYS,
    ...anyPath(route.path),
    ...(route.query && mayRefuse(route.query) ? (['invalid_payload'] as const) : []),
    ...(body ? (['invalid_json', 'invalid_payload', 'body_too_large'] as const) : []),
    ...anyOrigin(route.method),
  ]
  return {
    operationId: operationIdOf(route.method, route.path),
    summary: route.summary,
    security: security.map(scheme => ({ [scheme]: [] })),
    parameters: [...pathParameters(route.path), ...headerParameters(route), ...queryParameters(route.query)],
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    responses: { ...successOf(route), ...failuresOf(codes) },
  }
}

function streamOperation<Access, Caller, Services>(
  route: StreamRoute<Access, Caller, Services>,
  method: string,
  { describe }: OpenApiOptions<Access>,
): Json {
  const { path, summary, fails } = route
  const access = describe(route.access({ path, request: { method: method.toUpperCase() } }))
  const codes = [...fails, ...access.fails, ...ALWAYS, ...anyPath(path), ...anyOrigin(method)]
  return {
    operationId: operationIdOf(method, path),
    summary,
    description: 'Passed on. Some paths ask for more, or for less, than is said here.',
    security: access.security.map(scheme => ({ [scheme]: [] })),
    parameters: pathParameters(path),
    responses: {
      default: { description: 'What the program behind answers' },
      ...failuresOf(codes),
    },
  }
}

/** `GET /workspace/:id/audit` as `getWorkspaceByIdAudit`. */
function operationIdOf(method: string, path: string): string {
  const words = path.split(/[/.-]/).filter(word => word !== '' && word !== '*')
  const pascal = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
  return (
    method.toLowerCase() +
    words.map(word => (word.startsWith(':') ? `By${pascal(word.slice(1))}` : pascal(word))).join('')
  )
}

const text = { type: 'string' }

function pathParameters(path: string): Json[] {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name)
  const parameters: Json[] = names.map(name => ({ name, in: 'path', required: true, schema: text }))
  if (path.endsWith('*'))
    parameters.push({ name: REST, in: 'path', required: true, schema: text, description: 'The rest, slashes included' })
  return parameters
}

const headerParameters = ({ kind }: { kind: string }): Json[] =>
  kind === 'events'
    ? [{ name: 'Last-Event-ID', in: 'header', required: false, schema: text, description: 'Where the client was' }]
    : []

/** Many queries put something in place of whatever is wrong; those take nothing, blank and nonsense alike. */
function mayRefuse(query: z.ZodType): boolean {
  const names = Object.keys(propertiesOf(query))
  const allOf = (text: string) => Object.fromEntries(names.map(name => [name, text]))
  return [{}, allOf(''), allOf('nonsense')].some(value => !query.safeParse(value).success)
}

const propertiesOf = (schema: z.ZodType): Json => (schemaOf(schema, 'input') as { properties?: Json }).properties ?? {}

/** The schema is asked what it cannot do without: one that puts something in place of a bad value needs none. */
function queryParameters(query: z.ZodType | undefined): Json[] {
  if (!query) return []
  const missing = new Set(query.safeParse({}).error?.issues.map(({ path: [name] }) => name))
  return Object.entries(propertiesOf(query)).map(([name, schema]) => ({
    name,
    in: 'query',
    required: missing.has(name),
    schema,
  }))
}

function successOf<Access, Caller, Services>(route: FixedRoute<Access, Caller, Services>): Json {
  switch (route.kind) {
    case 'json':
      return answer(String(route.reply.status), 'application/json', schemaOf(route.reply.schema, 'output'))
    case 'events': {
      const events = Object.entries(route.events).map(([kind, schema]) => [kind, schemaOf(schema, 'output')])
      return answer('200', 'text/event-stream', { ...text, 'x-events': Object.fromEntries(events) })
    }
    case 'bytes':
      return answer('2XX', '*/*', { ...text, format: 'binary' })
  }
}

const answer = (status: string, type: string, schema: Json): Json => ({
  [status]: { description: 'Done', content: { [type]: { schema } } },
})

function failuresOf(codes: readonly FailureCode[]): Json {
  const byStatus = Map.groupBy(new Set(codes), code => FAILURES[code].status)
  const answers = [...byStatus].map(([status, codes]) => {
    const schema = {
      allOf: [{ $ref: '#/components/schemas/Failure' }, { properties: { code: { enum: codes.sort() } } }],
    }
    return [String(status), { description: codes.join(', '), content: { 'application/json': { schema } } }]
  })
  return Object.fromEntries(answers)
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...described } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    // Limits that every JavaScript integer has say nothing of this one.
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    },
  })
  return described
}
