import { createHash, timingSafeEqual } from 'node:crypto'
import { hostname } from 'node:os'
import { httpApp } from '../http/app.ts'
import { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import { hostCheck } from '../http/host-policy.ts'
import { BUN_BODY_LIMIT } from '../http/json-body.ts'
import { OpenStreams } from '../http/open-streams.ts'
import { RequestLog } from '../http/request-log.ts'
import { isFree, requirePort } from '../orchestrator/ports.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { Secret } from '../shared/secret.ts'
import { httpOrigin, loopbackOf } from '../shared/url.ts'
import { DAEMON_ROUTES } from './routes/index.ts'
import type { Access, Caller, Services } from './services.ts'

/** How long an answer may take that is no event stream; Bun allows at most 255. */
const IDLE_SECONDS = 120

/** Running requests and event streams get so long to end when the daemon stops. */
const DRAIN_MS = 1_000
const DRAIN_CHECK_MS = 5

export type DaemonApiOptions = {
  host: string
  /** Undefined: the former one where it is free, else any. */
  port: number | undefined
  formerPort: number | undefined
  token: Secret
  /** Web origins whose pages may use it. */
  cors: readonly string[]
  log: Log
}

/**
 * Where the daemon is asked: it listens at once, so that nobody else takes the port; requests that come before `serve`
 * wait for it. The caller stops it.
 */
export class DaemonApi {
  readonly host: string
  readonly port: number
  /** For this machine. */
  readonly baseUrl: string
  readonly #server: ReturnType<typeof Bun.serve>
  readonly #served = Promise.withResolvers<Services>()
  readonly #streams = new OpenStreams()

  private constructor(options: DaemonApiOptions, port: number) {
    const handler = this.#served.promise.then(services => daemonApp(options, services, this.#streams))
    this.#server = Bun.serve({
      hostname: options.host,
      port,
      maxRequestBodySize: BUN_BODY_LIMIT,
      development: false,
      idleTimeout: IDLE_SECONDS,
      reusePort: false,
      fetch: async (request, server) => (await handler)(request, server),
    })
    this.host = options.host
    this.port = this.#server.port ?? port
    this.baseUrl = httpOrigin(loopbackOf(options.host), this.port)
  }

  /** @throws OpenworkError port_in_use, port_not_allowed, address_not_available */
  static async listen(options: DaemonApiOptions): Promise<DaemonApi> {
    const { host, port: asked, formerPort } = options
    const port = asked || (formerPort !== undefined && (await isFree(host, formerPort)) ? formerPort : 0)
    if (port === 0) await requirePort(host, 0, '--daemon-host') // says what is wrong with the address
    try {
      return new DaemonApi(options, port)
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      await requirePort(host, port, '--daemon-port')
      throw error
    }
  }

  serve(services: Services): void {
    this.#served.resolve(services)
  }

  /** Takes no more requests, and gives those that are there, and event streams whose last event is out, a second. */
  async stop(): Promise<void> {
    const deadlineMs = performance.now() + DRAIN_MS
    void this.#server.stop() // resolves only when idle connections are gone too, which clients keep open
    while (this.#server.pendingRequests > 0 && performance.now() < deadlineMs) await Bun.sleep(DRAIN_CHECK_MS)
    this.#streams.end()
    await this.#server.stop(true)
  }
}

function daemonApp({ host, token, cors, log }: DaemonApiOptions, services: Services, streams: OpenStreams) {
  const expected = digest(token.reveal())
  return httpApp<Access, Caller, Services>({
    routes: DAEMON_ROUTES,
    services,
    admit: (access, exchange: Exchange) => {
      const presented = exchange.header('authorization')
      if (presented === null && access === 'any') return { isAdmitted: false }
      // Digests: of one length, whatever was presented.
      if (!timingSafeEqual(digest(presented?.replace(/^bearer\s+/i, '') ?? ''), expected))
        throw new OpenworkError('unauthorized', "The daemon's token is required", {
          hint: 'It is in the file daemon/token of the data dir',
        })
      exchange.auth = 'host'
      return { isAdmitted: true }
    },
    checkHost: hostCheck({ bind: host, allowedHosts: [], machineName: hostname(), hint: `Use ${host}` }),
    // A GET may start what a workspace configures: plugins and MCP servers.
    cors: new Cors(cors, 'everything'),
    streams,
    requestLog: new RequestLog(log, ({ method }) => READING.has(method)),
    errorLog: log,
  })
}

/** Asked for again and again by whoever shows the daemon. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
