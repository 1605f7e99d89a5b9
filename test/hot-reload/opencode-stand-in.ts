// An opencode on loopback as hot reload sees it: what it serves it reads from a folder's files when the folder's instance
// begins, a folder whose config was broken then is refused from there on, and disposing of an instance ends what runs in it.
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { secret } from '../../src/shared/secret.ts'

type Kind = 'command' | 'agent' | 'skill'
type Names = Readonly<Record<Kind, readonly string[]>>

type Instance = { refusal: object | undefined; names: Names; sessions: Set<string>; permissions: Set<string> }

/** What it refuses beside broken JSON is an `odd` key. */
export type OpencodeStandIn = {
  /** For `opencodeClient`. */
  readonly options: { baseUrl: string; username: ReturnType<typeof secret>; password: ReturnType<typeof secret> }
  /** Directories whose instances were disposed of, in order. */
  readonly disposals: readonly string[]
  /** Sessions that ended with their instance. */
  readonly cut: readonly string[]
  /** Directories that were asked for their terminals, in order. */
  readonly askedForTerminals: readonly string[]
  /** The most disposals that ever went on at once. */
  readonly mostAtOnce: number
  /** Processes so far. */
  readonly starts: number
  begin(directory: string, session: string): void
  end(directory: string, session: string): void
  askPermission(directory: string, id: string): void
  replyPermission(directory: string, id: string): void
  /** Called with the directory whenever an instance has begun: what a plugin would do. */
  onBoot(act: (directory: string) => void): void
  /** How long a disposal takes. */
  disposalMs: number
  /** Gone, and back at the same address as a new process. */
  down(): Promise<void>
  up(): void
  restart(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const USERNAME = 'stand-in'

export function startOpencodeStandIn(): OpencodeStandIn {
  const password = crypto.randomUUID()
  const authorization = `Basic ${btoa(`${USERNAME}:${password}`)}`
  const instances = new Map<string, Instance>()
  const streams = new Set<ReadableStreamDefaultController<string>>()
  const disposals: string[] = []
  const cut: string[] = []
  const askedForTerminals: string[] = []
  const counts = { mostAtOnce: 0, atOnce: 0, starts: 0 }
  let bootAct: (directory: string) => void = () => {}
  let server: ReturnType<typeof Bun.serve> | undefined

  const emit = (directory: string, type: string, properties: object): void => {
    for (const stream of streams)
      stream.enqueue(`data: ${JSON.stringify({ directory, payload: { type, properties } })}\n\n`)
  }
  const instanceOf = (directory: string): Instance => {
    const known = instances.get(directory)
    if (known) return known
    const instance = { ...readFolder(directory), sessions: new Set<string>(), permissions: new Set<string>() }
    instances.set(directory, instance)
    bootAct(directory)
    return instance
  }
  const dispose = async (directory: string): Promise<Response> => {
    const { refusal, sessions } = instanceOf(directory)
    if (refusal) return Response.json(refusal, { status: 400 })
    counts.atOnce += 1
    counts.mostAtOnce = Math.max(counts.mostAtOnce, counts.atOnce)
    disposals.push(directory)
    cut.push(...sessions)
    instances.delete(directory)
    await Bun.sleep(standIn.disposalMs)
    counts.atOnce -= 1
    emit(directory, 'server.instance.disposed', { directory })
    return Response.json(true)
  }
  const events = (): Response => {
    let stream: ReadableStreamDefaultController<string>
    const body = new ReadableStream<string>({
      start(controller) {
        stream = controller
        streams.add(stream)
        stream.enqueue(`data: ${JSON.stringify({ payload: { type: 'server.connected', properties: {} } })}\n\n`)
      },
      cancel: () => void streams.delete(stream),
    })
    return new Response(body.pipeThrough(new TextEncoderStream()), { headers: { 'content-type': 'text/event-stream' } })
  }
  const answer = (request: Request): Response | Promise<Response> => {
    if (request.headers.get('authorization') !== authorization) return new Response('', { status: 401 })
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/global/health') return Response.json({ healthy: true })
    if (pathname === '/global/event') return events()
    const directory = searchParams.get('directory') ?? ''
    if (pathname === '/instance/dispose') return dispose(directory)
    const { refusal, names, sessions, permissions } = instanceOf(directory)
    if (refusal) return Response.json(refusal, { status: 400 })
    if (pathname === '/pty') askedForTerminals.push(directory)
    const list = (ids: Iterable<string>) => Response.json([...ids].map(id => ({ id, name: id })))
    switch (pathname) {
      case '/session/status':
        return Response.json(Object.fromEntries([...sessions].map(id => [id, { type: 'busy' }])))
      case '/permission':
        return list(permissions)
      case '/command':
      case '/agent':
      case '/skill':
        return list(names[pathname.slice(1) as Kind])
      default:
        return list([])
    }
  }
  let port = 0
  const up = (): void => {
    instances.clear()
    counts.starts += 1
    server = Bun.serve({ hostname: '127.0.0.1', port, reusePort: false, idleTimeout: 0, fetch: answer })
    port = server.port ?? 0
  }
  const down = async (): Promise<void> => {
    streams.clear()
    await server?.stop(true)
  }
  up()
  const standIn: OpencodeStandIn = {
    options: { baseUrl: `http://127.0.0.1:${port}`, username: secret(USERNAME), password: secret(password) },
    disposals,
    cut,
    askedForTerminals,
    get mostAtOnce() {
      return counts.mostAtOnce
    },
    get starts() {
      return counts.starts
    },
    begin: (directory, session) => void instanceOf(directory).sessions.add(session),
    end(directory, session) {
      instanceOf(directory).sessions.delete(session)
      emit(directory, 'session.idle', { sessionID: session })
    },
    askPermission: (directory, id) => void instanceOf(directory).permissions.add(id),
    replyPermission(directory, id) {
      instanceOf(directory).permissions.delete(id)
      emit(directory, 'permission.replied', { requestID: id })
    },
    onBoot(act) {
      bootAct = act
    },
    disposalMs: 0,
    down,
    up,
    async restart() {
      await down()
      up()
    },
    [Symbol.asyncDispose]: down,
  }
  return standIn
}

function readFolder(directory: string): { refusal: object | undefined; names: Names } {
  const names = (kind: Kind): string[] => list(join(directory, '.opencode', kind)).map(file => basename(file, '.md'))
  const path = join(directory, 'opencode.json')
  const served = { command: ['init', ...names('command')], agent: names('agent'), skill: names('skill') }
  try {
    const { odd } = JSON.parse(readFileSync(path, 'utf8'))
    const issues = [{ path: ['odd'], message: 'Unknown' }]
    return { refusal: odd && { name: 'ConfigInvalidError', data: { path, issues } }, names: served }
  } catch (error) {
    if (!(error instanceof SyntaxError)) return { refusal: undefined, names: served }
    const message = '\n--- JSONC Input ---\nsk-secret\n--- Errors ---\nValueExpected at line 1, column 2\n--- End ---'
    return { refusal: { name: 'ConfigJsonError', data: { path, message } }, names: served }
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // not there
  }
}
