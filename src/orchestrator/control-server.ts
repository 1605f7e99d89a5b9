import { randomBytes } from 'node:crypto'
import type { Log } from '../shared/log.ts'
import { type Secret, secret } from '../shared/secret.ts'
import { httpOrigin } from '../shared/url.ts'
import type { ControlHandler, ControlServices } from './control-app.ts'

const LOOPBACK = '127.0.0.1'

/** Requests hold a few names; Bun answers a longer body with a bare 413. */
const MAX_BODY_BYTES = 64 * 1024

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
  #handler: Promise<ControlHandler> | undefined

  constructor() {
    this.#server = Bun.serve({
      hostname: LOOPBACK,
      port: 0,
      maxRequestBodySize: MAX_BODY_BYTES,
      development: false,
      reusePort: false,
      fetch: async (request, server) => {
        this.#handler ??= this.#load()
        return (await this.#handler)(request, server)
      },
    })
    this.baseUrl = httpOrigin(LOOPBACK, this.#server.port ?? 0)
  }

  /** From now on requests are answered. `log` gets bugs, with their stack. */
  serve(services: ControlServices, log: Log): void {
    this.#served.resolve({ services, log })
  }

  /** Closes the port and every connection, kept-alive ones too. May be called again. */
  async stop(): Promise<void> {
    await this.#server.stop(true)
  }

  async #load(): Promise<ControlHandler> {
    const [{ controlApp }, served] = await Promise.all([import('./control-app.ts'), this.#served.promise])
    return controlApp({ ...served, token: this.token, bind: LOOPBACK })
  }
}
