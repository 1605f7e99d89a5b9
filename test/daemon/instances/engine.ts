// opencode and openwork-server as `Instances` meets them, on loopback: work and use are what the test says, and what is
// asked is written down. As with opencode, asking about a folder makes its instance.
import type { WorkspaceActivity } from '../../../src/api/control.ts'
import type { EngineWork } from '../../../src/api/hot-reload.ts'
import { opencodeClient } from '../../../src/api/opencode-client.ts'
import { serverActivity } from '../../../src/orchestrator/server-activity.ts'
import { type Secret, secret } from '../../../src/shared/secret.ts'

const NO_USE = { lastRequestAt: null, openRequests: 0, listeners: 0 }

export class Engine implements AsyncDisposable {
  readonly instances = new Set<string>()
  /** Folders in the order they were disposed of. */
  readonly disposed: string[] = []
  readonly work = new Map<string, Partial<EngineWork>>()
  readonly use = new Map<string, Partial<WorkspaceActivity['items'][number]>>()
  /** Folders it refuses because of their config. */
  readonly refused = new Set<string>()
  /** Called when it has disposed of everything. */
  onDisposeAll: () => void = () => {}
  /** How often it was asked what is at work in a folder. */
  readonly looks = new Map<string, number>()
  /** Called with each look before it is answered. */
  onLook: (directory: string) => void = () => {}
  /** Called before it disposes of one. */
  onDispose: (directory: string) => void = () => {}
  isServerUp = true
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>()
  readonly #opencode = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: request => this.#answer(request),
  })
  readonly #server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => (this.isServerUp ? Response.json(this.#activity()) : new Response(null, { status: 503 })),
  })

  readonly client = opencodeClient({
    baseUrl: `http://127.0.0.1:${this.#opencode.port}`,
    username: secret('opencode'),
    password: secret('password'),
  })
  readonly activity = () => serverActivity({ ...this.server, timeoutMs: 5_000 })

  /** Where openwork-server is. */
  get server(): { baseUrl: string; hostToken: Secret } {
    return { baseUrl: `http://127.0.0.1:${this.#server.port}`, hostToken: secret('host') }
  }

  /** How many listen to its events. */
  get listeners(): number {
    return this.#streams.size
  }

  emit(directory: string | undefined, type: string, properties: object = {}): void {
    const data = JSON.stringify({ directory, project: 'global', payload: { type, properties } })
    for (const stream of this.#streams) stream.enqueue(new TextEncoder().encode(`data: ${data}\n\n`))
  }

  endStreams(): void {
    for (const stream of this.#streams) stream.close()
    this.#streams.clear()
  }

  /** As a client of opencode does it. */
  disposeOf(directory: string): void {
    this.disposed.push(directory)
    if (this.instances.delete(directory)) this.emit(directory, 'server.instance.disposed', { directory })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endStreams()
    await Promise.all([this.#opencode.stop(true), this.#server.stop(true)])
  }

  #activity(): WorkspaceActivity {
    return { items: [...this.use].map(([workspaceId, use]) => ({ workspaceId, ...NO_USE, ...use })) }
  }

  #answer(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/global/event') return this.#stream()
    if (pathname === '/global/dispose') {
      for (const directory of [...this.instances]) this.disposeOf(directory)
      this.onDisposeAll()
      return Response.json(true)
    }
    const directory = searchParams.get('directory') ?? ''
    if (this.refused.has(directory))
      return Response.json({ name: 'ConfigJsonError', data: { path: `${directory}/opencode.json` } }, { status: 400 })
    this.instances.add(directory)
    if (pathname === '/instance/dispose') {
      this.onDispose(directory)
      this.disposeOf(directory)
      return Response.json(true)
    }
    return Response.json(this.#listOf(pathname, directory))
  }

  #listOf(pathname: string, directory: string): unknown {
    const { sessions = [], permissions = [], questions = [], terminals = [] } = this.work.get(directory) ?? {}
    switch (pathname) {
      case '/session/status':
        this.looks.set(directory, (this.looks.get(directory) ?? 0) + 1)
        this.onLook(directory)
        return Object.fromEntries(sessions.map(id => [id, { type: 'busy' }]))
      case '/permission':
        return permissions.map(id => ({ id }))
      case '/question':
        return questions.map(id => ({ id }))
      default:
        return terminals.map(id => ({ id, status: 'running' }))
    }
  }

  #stream(): Response {
    let mine: ReadableStreamDefaultController<Uint8Array>
    const body = new ReadableStream<Uint8Array>({
      start: stream => {
        mine = stream
        this.#streams.add(stream)
        stream.enqueue(new TextEncoder().encode('data: {"payload":{"type":"server.connected"}}\n\n'))
      },
      cancel: () => void this.#streams.delete(mine),
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
}
