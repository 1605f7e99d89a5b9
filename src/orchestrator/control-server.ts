import { randomBytes } from 'node:crypto'
import type { Log } from '../shared/log.ts'
import { type Secret, secret } from '../shared/secret.ts'
import { httpOrigin } from '../shared/url.ts'
import type { ControlApp, ControlServices } from './control-app.ts'

const LOOPBACK = '127.0.0.1'

/** Requests hold a few names; Bun answers a longer body with a bare 413. */
const MAX_BODY_BYTES = 64 * 1024

/** The answer to whoever asked that the host ends, and the last events of those who listen, go out first. */
const DRAIN_MS = 250
const DRAIN_CHECK_MS = 5

/**
 * Where openwork-server asks what runs on this host and has it renewed: on loopback, on a port of its own, under a token
 * of this run. It listens from the start, because children are told its address; the HTTP stack is loaded by the first
 * request. Requests that come before `serve` wait for it. The caller stops it.
 */
export class ControlServer {
  readonly baseUrl: string
  readonly token: Secret = secret(randomBytes(32).toString('hex'))
  readonly #server: ReturnType<typeof Bun.serve>
  readonly #served = Promise.withResolvers<{ services: ControlServices; log: Log }>()
  #app: Promise<ControlApp> | undefined
  #loaded: ControlApp | undefined

  constructor() {
    this.#server = Bun.serve({
      hostname: LOOPBACK,
      port: 0,
      maxRequestBodySize: MAX_BODY_BYTES,
      development: false,
      reusePort: false,
      fetch: async (request, server) => {
        this.#app ??= this.#load()
        return (await this.#app).handle(request, server)
      },
    })
    this.baseUrl = httpOrigin(LOOPBACK, this.#server.port ?? 0)
  }

  /** From now on requests are answered. `log` gets bugs, with their stack. */
  serve(services: ControlServices, log: Log): void {
    this.#served.resolve({ services, log })
  }

  /** Closes the port and every connection, kept-alive ones too, once those who listen have been told. May be called again. */
  async stop(): Promise<void> {
    if (this.#loaded) {
      void this.#server.stop() // resolves only when idle connections are gone too, which clients keep open
      this.#loaded.close()
      const untilMs = performance.now() + DRAIN_MS
      while (this.#server.pendingRequests > 0 && performance.now() < untilMs) await Bun.sleep(DRAIN_CHECK_MS)
    }
    await this.#server.stop(true)
  }

  async #load(): Promise<ControlApp> {
    const [{ controlApp }, served] = await Promise.all([import('./control-app.ts'), this.#served.promise])
    this.#loaded = controlApp({ ...served, token: this.token, bind: LOOPBACK })
    return this.#loaded
  }
}
