import type { Log } from '../shared/log.ts'
import type { Exchange } from './exchange.ts'

/** One record per request, made when the answer's headers are ready. The query is left out: it may hold anything. */
export class RequestLog {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  record({ request: { method }, path, auth, note, attributes, elapsedMs }: Exchange, status: number): void {
    const durationMs = Math.round(elapsedMs)
    const message = `${method} ${path} ${status} ${durationMs}ms${note ? ` (${note})` : ''}`
    const all = { method, path, status, durationMs, auth, ...attributes }
    if (status >= 500) this.#log.error(message, all)
    else if (status >= 400) this.#log.warn(message, all)
    else this.#log.info(message, all)
  }
}
