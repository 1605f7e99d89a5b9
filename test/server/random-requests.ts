import type { OpenApiDocument } from '../../src/http/openapi.ts'

type Schema = {
  type?: string
  enum?: unknown[]
  const?: unknown
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
}
type Parameter = { name: string; in: string; schema: Schema }
export type Operation = {
  method: string
  path: string
  parameters: Parameter[]
  body: Schema | undefined
  /** Every failure it may answer. */
  codes: ReadonlySet<string>
}

/** What the requests are made of, beside what the document says. */
type Known = {
  /** From 0 to 1. */
  random: () => number
  workspaceId: string
  sessions: readonly string[]
  credentials: readonly Readonly<Record<string, string>>[]
}

/** `isRaw`: to another path than the operation's. */
type RandomRequest = { path: string; init: RequestInit; isRaw: boolean }

/** These would make or forget folders of the machine that runs the test. */
const LEFT_OUT = new Set(['POST /workspaces/local', 'DELETE /workspaces/{id}'])

/** For those that are to get further. */
const GOOD_TEXTS = ['a.md', 'docs/b.md', 'docs', 'new/c.md', '😀/ü']
const TEXTS = [
  ...GOOD_TEXTS,
  ...'. .. ../../etc/passwd /etc/passwd a/../b a\\..\\b link/x %2e%2e%2f CON é e\u0301 * <script> "quoted"'.split(' '),
  ...'-1 0 1 3 007 NaN true null allow deny YQ== YQ= __proto__ constructor'.split(' '),
  ...['', ' ', '\u0000', 'a\u0000b', '\ud800', 'x'.repeat(300), 'y/'.repeat(2500)],
]
const NUMBERS = [0, -1, 1.5, 1e308, 2 ** 53]
const VALUES = [null, true, false, ...NUMBERS, [], {}, [null], { __proto__: null }, 'x'.repeat(70_000), ...TEXTS]
const RAW_PATHS = '/% /%ff /%00 // /w/%2e%2e/health /workspace/%2f/config /files/sessions//renew /\u00fc'.split(' ')
const RAW_BODIES = [
  ...'{ null [] "text" {"a":1 [1e999] {"__proto__":{"a":1}}'.split(' '),
  '',
  '\u0000',
  '['.repeat(5000),
]
const METHODS = 'GET HEAD POST PUT PATCH DELETE OPTIONS'.split(' ')

export function operationsOf({ paths }: OpenApiDocument): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([name, described]) => {
      const method = name.toUpperCase()
      if (LEFT_OUT.has(`${method} ${path}`)) return []
      const { parameters, requestBody, responses } = described as unknown as {
        parameters: Parameter[]
        requestBody?: { content: Record<string, { schema: Schema }> }
        responses: Record<string, { description: string }>
      }
      const codes = new Set(Object.values(responses).flatMap(({ description }) => description.split(', ')))
      return [{ method, path, parameters, body: requestBody?.content['application/json']?.schema, codes }]
    }),
  )
}

/** Makes requests for operations: some sound, most with something wrong, some nothing but wrong. */
export class RandomRequests {
  readonly #known: Known

  constructor(known: Known) {
    this.#known = known
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#known.random() * items.length)] as Item
  }

  next(operation: Operation): RandomRequest {
    const { path, query } = this.#address(operation)
    const isRaw = this.#chance(0.02)
    const method = this.#chance(0.02) ? this.pick(METHODS) : operation.method
    const hasBody = method !== 'GET' && method !== 'HEAD' && (operation.body !== undefined || this.#chance(0.2))
    const body = this.#chance(0.1) ? this.pick(RAW_BODIES) : JSON.stringify(this.#value(operation.body))
    return {
      isRaw,
      path: `${isRaw ? this.pick(RAW_PATHS) : path}${query.length > 0 ? `?${query.join('&')}` : ''}`,
      init: { method, headers: this.#headers(), ...(hasBody && { body }) },
    }
  }

  #chance(share: number): boolean {
    return this.#known.random() < share
  }

  #address({ path, parameters, method }: Operation): { path: string; query: string[] } {
    const query: string[] = []
    let filled = path
    for (const parameter of parameters) {
      const text = encodeURIComponent(this.#parameter(parameter, method).toWellFormed())
      if (parameter.in === 'path') filled = filled.replace(`{${parameter.name}}`, text)
      else if (parameter.in === 'query' && this.#chance(0.8)) query.push(`${parameter.name}=${text}`)
    }
    return { path: filled, query }
  }

  #parameter({ name }: Parameter, method: string): string {
    const { sessions, workspaceId } = this.#known
    if (name === 'wait') return this.pick(['0', '', 'x', '-1']) // more would be waited for
    if (this.#chance(0.1) || method === 'DELETE') return this.pick(TEXTS) // what is worked with is to stay
    if (name === 'sessionId') return this.pick(sessions)
    return name === 'id' || name === 'mountId' ? workspaceId : this.pick(TEXTS)
  }

  #headers(): Record<string, string> {
    return {
      ...this.pick(this.#known.credentials),
      ...(this.#chance(0.1) && { 'last-event-id': this.pick(['0', 'x:1', '-1', '9'.repeat(400)]) }),
      ...(this.#chance(0.1) && { range: this.pick(['bytes=0-', 'bytes=5-1', 'bytes=-1', 'bytes=0-0,2-3', 'x']) }),
      ...(this.#chance(0.1) && { 'x-opencode-directory': this.pick(['/', '%2f', '..']) }),
    }
  }

  /** Mostly what the schema says. */
  #value(schema: Schema | undefined, name = '', depth = 0): unknown {
    if (!schema || depth > 5 || this.#chance(0.05)) return this.pick(VALUES)
    const choices = schema.anyOf ?? schema.oneOf
    if (choices) return this.#value(this.pick(choices), name, depth + 1)
    if (schema.const !== undefined) return schema.const
    if (schema.enum) return this.pick(schema.enum)
    switch (schema.type) {
      case 'array':
        return Array.from({ length: Math.floor(this.#known.random() * 4) }, () =>
          this.#value(schema.items, name, depth + 1),
        )
      case 'string':
        if (this.#chance(0.3)) return this.pick(TEXTS)
        return this.pick(/base64$/i.test(name) ? ['YQ==', ''] : GOOD_TEXTS)
      case 'boolean':
        return this.#chance(0.5)
      case 'number':
      case 'integer':
        return this.pick([1, 2, 60, 1e9, ...NUMBERS])
      default: {
        const properties = Object.entries(schema.properties ?? {}).filter(() => this.#chance(0.8))
        return Object.fromEntries(properties.map(([key, value]) => [key, this.#value(value, key, depth + 1)]))
      }
    }
  }
}
