import type { Log } from '../shared/log.ts'
import type { Exchange } from './exchange.ts'

/** One record per request, made when the answer's headers are ready. The query is left out: it may hold anything. */
export class RequestLog {
  readonly #log: Log
  readonly #isQuiet: (request: Request) => boolean

  /** @param isQuiet which requests are only worth a debug record, unless they fail */
  constructor(log: Log, isQuiet: (request: Request) => boolean) {
    this.#log = log
    this.#isQuiet = isQuiet
  }

  record({ request, path, auth, note, attributes, elapsedMs }: Exchange, status: number): void {
    const { method } = request
    const durationMs = Math.round(elapsedMs)
    const message = `${method} ${path} ${status} ${durationMs}ms${note ? ` (${note})` : ''}`
    const all = { method, path, status, durationMs, auth, ...attributes }
    if (status >= 500) this.#log.error(message, all)
    else if (status >= 400) this.#log.warn(message, all)
    else if (this.#isQuiet(request)) this.#log.debug(message, all)
    else this.#log.info(message, all)
  }
}
