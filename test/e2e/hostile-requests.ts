import { connect } from 'node:net'
import { seededRandom } from '../fixtures/random.ts'

/** A request as it goes over the wire. */
export type WireRequest = {
  /** For people: its first line. */
  line: string
  bytes: Buffer
  /** Whether the server knows where it ends, and so has to answer it. */
  isWhole: boolean
}

/** An answer: status 0 when the connection was closed without any. */
export type WireAnswer = { status: number; text: string }

export type Caller = { name: string; header: string; session: string }

type Route = { method: string; path: string; body?: (make: Bodies) => unknown; ownerLeaves?: true }

const PATH_QUERY = '?path={file}'
const BATCHES = '/files/sessions/{session}'
const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/health' },
  { method: 'GET', path: '/capabilities' },
  { method: 'GET', path: '/status' },
  { method: 'GET', path: '/workspaces' },
  { method: 'GET', path: '/openapi.json' },
  { method: 'GET', path: '/approvals/events' },
  { method: 'POST', path: '/tokens', body: () => ({ scope: 'viewer' }) },
  { method: 'DELETE', path: '/tokens/{text}' },
  { method: 'POST', path: '/pairings', body: () => ({}) },
  { method: 'POST', path: '/pairings/claim', body: make => ({ code: make.text() }) },
  { method: 'POST', path: '/approvals/{text}', body: () => ({ reply: 'allow' }) },
  { method: 'POST', path: '/runtime/upgrade', body: () => ({}) },
  // For the owner these would make or forget folders of the machine that runs the test.
  { method: 'POST', path: '/workspaces/local', body: make => ({ folderPath: make.file() }), ownerLeaves: true },
  { method: 'DELETE', path: '/workspaces/{id}', ownerLeaves: true },
  { method: 'PATCH', path: '/workspaces/{id}/display-name', body: make => ({ displayName: make.text() }) },
  { method: 'GET', path: '/workspace/{id}/config' },
  { method: 'PATCH', path: '/workspace/{id}/config', body: make => ({ openwork: make.object() }) },
  { method: 'PATCH', path: '/workspace/{id}/config', body: make => ({ opencode: make.object() }) },
  { method: 'GET', path: '/workspace/{id}/audit?limit={text}' },
  { method: 'GET', path: '/workspace/{id}/events/stream' },
  { method: 'POST', path: '/workspace/{id}/files/sessions', body: () => ({ ttlSeconds: 60 }) },
  { method: 'GET', path: `/workspace/{id}/files/stat${PATH_QUERY}` },
  { method: 'GET', path: `/workspace/{id}/files/raw${PATH_QUERY}` },
  { method: 'GET', path: `/w/{id}/workspace/{id}/files/raw${PATH_QUERY}` },
  { method: 'POST', path: '/workspace/{id}/files/raw', body: make => ({ path: make.file(), dataBase64: 'b3du' }) },
  { method: 'POST', path: `${BATCHES}/read-batch`, body: make => ({ paths: [make.file(), make.file(), make.file()] }) },
  {
    method: 'POST',
    path: `${BATCHES}/write-batch`,
    body: make => ({ writes: [make.file(), make.file()].map(path => ({ path, contentBase64: 'b3du', force: true })) }),
  },
  { method: 'POST', path: `${BATCHES}/ops`, body: make => ({ operations: [{ type: 'mkdir', path: make.file() }] }) },
  {
    method: 'POST',
    path: `${BATCHES}/ops`,
    body: make => ({ operations: [{ type: 'delete', path: make.file(), recursive: true }] }),
  },
  {
    method: 'POST',
    path: `${BATCHES}/ops`,
    body: make => ({ operations: [{ type: 'rename', from: make.file(), to: make.file(), overwrite: true }] }),
  },
  { method: 'GET', path: `${BATCHES}/catalog/snapshot?prefix={file}&limit={text}` },
  { method: 'GET', path: `${BATCHES}/catalog/events?since={text}` },
  { method: 'GET', path: '/opencode/{text}' },
  { method: 'POST', path: '/w/{id}/opencode/session/{text}', body: make => make.object() },
  { method: 'GET', path: '/opencode-router/{text}' },
]

const TEXTS = [
  'x',
  '0',
  '-1',
  '..',
  '%2e%2e',
  '%252e%252e',
  '__proto__',
  'é',
  '%00',
  ';a=b',
  'true',
  '9'.repeat(400),
  '',
]
const MUTATIONS: readonly ((path: string, at: number) => string)[] = [
  (path, at) => `${path.slice(0, at)}/../${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}%2e%2e%2f${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}%252e%252e%252f${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}%zz${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}%c0%ae${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}%00${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}\u0000${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}ü😀${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}\\..\\${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)};x=/${path.slice(at)}`,
  (path, at) => `${path.slice(0, at)}${'a'.repeat(9000)}${path.slice(at)}`,
  path => `/${path}`,
  path => `${path}/`,
  path => `http://elsewhere.example${path}`,
  path => path.toUpperCase(),
  path => path.replaceAll('/', '%2f'),
]
const OTHER_METHODS = ['HEAD', 'PUT', 'OPTIONS', 'TRACE', 'PROPFIND', 'get', 'G\u0000T', 'X'.repeat(300)]
const OTHER_HEADERS = [
  'Origin: https://evil.example',
  'Origin: null',
  'Range: bytes=0-',
  'Range: bytes=-99999999999999999999',
  'Range: bytes=5-1,0-0',
  'If-None-Match: *',
  'X-Opencode-Directory: /',
  'X-Opencode-Directory: %2e%2e',
  'Last-Event-ID: x:99999999999999999999',
  'Expect: 100-continue',
  'Upgrade: websocket',
  'Content-Type: text/plain',
  'X-Forwarded-Host: evil.example',
  `X-Long: ${'x'.repeat(7000)}`,
  'Cookie: \u00ff\u00fe',
  'Accept-Encoding: gzip, br, zstd',
]
const BODIES: readonly string[] = [
  '',
  '{',
  'null',
  '[]',
  '"text"',
  '1e999',
  '{"a":1',
  '\u0000',
  '{"__proto__":{"canWrite":true},"constructor":{"prototype":{"scope":"owner"}}}',
  '['.repeat(50_000),
  `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  `{"paths":${JSON.stringify(Array.from({ length: 5000 }, () => 'a'))}}`,
  `{"x":"${'x'.repeat(1_500_000)}"}`,
]
/** Around the largest that any route takes. */
const HUGE = ['x'.repeat(8_000_000), `{"writes":[{"path":"a.txt","contentBase64":"${'A'.repeat(44_000_000)}"}]}`]
const VALUES: readonly unknown[] = [null, true, 0, -1, 1e308, '', 'x', [], {}, [[[]]], { toString: 1 }, { length: -1 }]

/** What bodies are made of. */
type Bodies = { file(): string; text(): string; object(): Record<string, unknown> }

/** The same hostile requests in every run, for its seed. */
export class HostileRequests implements Bodies {
  readonly #random: () => number
  readonly #workspaceId: string
  readonly #host: string
  /** Paths that a file route may be asked for. */
  readonly #files: readonly string[]

  constructor(from: { seed: number; workspaceId: string; host: string; files: readonly string[] }) {
    this.#random = seededRandom(from.seed)
    this.#workspaceId = from.workspaceId
    this.#host = from.host
    this.#files = from.files
  }

  file = (): string => this.#pick(this.#files)
  text = (): string => this.#pick(TEXTS)

  object(): Record<string, unknown> {
    const keys = Array.from({ length: 3 }, () => this.#pick(['a', 'permission', '__proto__', 'mcp', '', '$schema']))
    return Object.fromEntries(keys.map(key => [key, this.#pick(VALUES)]))
  }

  next(callers: readonly Caller[]): WireRequest {
    const caller = this.#pick(callers)
    const isOwner = caller.name === 'owner' || caller.name === 'host'
    const routes = isOwner ? ROUTES.filter(({ ownerLeaves }) => !ownerLeaves) : ROUTES
    const route = this.#pick(routes)
    const method = this.#chance(0.03) ? this.#pick(OTHER_METHODS) : route.method
    const path = this.#path(route, caller)
    const body = Buffer.from(this.#body(route))
    const { header: length, isWhole } = this.#length(body)
    const headers = [
      `Host: ${this.#chance(0.03) ? this.#pick(['evil.example', '', 'a b', '127.0.0.1:1@evil']) : this.#host}`,
      'Connection: close',
      caller.header,
      length,
      ...(this.#chance(0.15) ? [this.#pick(OTHER_HEADERS)] : []),
    ].filter(header => header !== '')
    const line = `${method} ${path}`
    return {
      line: `${line.slice(0, 300)} by ${caller.name}`,
      bytes: Buffer.concat([Buffer.from(`${line} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`), body]),
      isWhole,
    }
  }

  #path(route: Route, { session }: Caller): string {
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      if (name === 'id') return this.#chance(0.95) ? this.#workspaceId : this.text()
      if (name === 'session') return this.#chance(0.95) ? session : this.text()
      return name === 'file' ? encodeURIComponent(this.file()) : this.text()
    })
    if (!this.#chance(0.25)) return path
    return this.#pick(MUTATIONS)(path, Math.floor(this.#random() * path.length))
  }

  #body(route: Route): string {
    if (!route.body) return this.#chance(0.02) ? this.#pick(BODIES) : ''
    if (this.#chance(0.002)) return this.#pick(HUGE)
    if (this.#chance(0.15)) return this.#pick(BODIES)
    const made = route.body(this)
    const [key] = Object.keys(made as object)
    if (key !== undefined && this.#chance(0.1))
      return JSON.stringify({ ...(made as object), [key]: this.#pick(VALUES) })
    return JSON.stringify(made)
  }

  /** Mostly the truth. */
  #length({ length }: Buffer): { header: string; isWhole: boolean } {
    if (this.#chance(0.97)) return { header: length > 0 ? `Content-Length: ${length}` : '', isWhole: true }
    const header = this.#pick([
      `Content-Length: ${length + 10}`,
      'Content-Length: -1',
      'Content-Length: 99999999999999999999',
      'Content-Length: 200000000',
      `Content-Length: ${length}\r\nContent-Length: ${length + 1}`,
      `Content-Length: ${length}\r\nTransfer-Encoding: chunked`,
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: gzip, chunked',
    ])
    return { header, isWhole: false }
  }

  #chance(share: number): boolean {
    return this.#random() < share
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item
  }
}

/** How long a server may look at a request without an end before we hang up. */
const PATIENCE_MS = 30

/**
 * Sends a request on a connection of its own, and reads to its end; an event stream to its first bytes. A request that
 * has no end is hung up on. Rejects when there is no end of the answer within `limitMs`.
 */
export function send(url: URL, { bytes, isWhole, line }: WireRequest, limitMs: number): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(Number(url.port), url.hostname)
    const timer = setTimeout(
      () => {
        if (isWhole) reject(new Error(`no end of the answer within ${limitMs} ms: ${line}: ${Buffer.concat(chunks)}`))
        socket.destroy()
      },
      isWhole ? limitMs : PATIENCE_MS,
    )
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (chunks.length < 4 && Buffer.concat(chunks).includes('text/event-stream')) socket.destroy()
    })
    socket.on('error', () => {}) // refused in the middle of a body: the close tells
    socket.on('close', () => {
      clearTimeout(timer)
      const text = Buffer.concat(chunks)
        .toString('latin1')
        .replace(/^HTTP\/1\.1 100 .*\r\n\r\n/, '')
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text })
    })
    socket.write(bytes)
  })
}
