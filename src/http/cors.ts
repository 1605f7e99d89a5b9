import { OpenworkError } from '../shared/errors.ts'
import type { Exchange } from './exchange.ts'

const ALLOWED_HEADERS =
  'Authorization, Content-Type, X-OpenWork-Host-Token, X-OpenWork-Client-Id, X-OpenCode-Directory, Last-Event-ID, Range, If-Range, If-None-Match'
const ALLOWED_METHODS = 'GET,POST,PUT,PATCH,DELETE,OPTIONS'
const EXPOSED_HEADERS = 'Content-Disposition, Content-Range, ETag, Retry-After'
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Which web pages may talk to us. None by default; `*` (any page) only when asked for, and never together with
 * credentials, which we never allow: tokens travel in headers a page has to set itself.
 */
export class Cors {
  readonly #any: boolean
  readonly #listed: ReadonlySet<string>
  readonly #guards: 'changes' | 'everything'

  /** @param guards what pages that are not listed may not ask for; a program whose reading does something guards all */
  constructor(origins: readonly string[], guards: 'changes' | 'everything' = 'changes') {
    this.#any = origins.includes('*')
    this.#listed = new Set(origins)
    this.#guards = guards
  }

  /**
   * Refuses what a page of another origin may not ask for, whatever credentials it brings. A page served under the
   * name the request came to is no other origin; that the name is ours the Host check has made sure of.
   * Throws `origin_not_allowed`.
   */
  check(exchange: Exchange): void {
    if (this.#guards === 'changes' && SAFE_METHODS.has(exchange.request.method)) return
    const origin = exchange.header('origin')
    if (origin === null) return
    if (this.#any || this.#listed.has(origin) || hostOf(origin) === exchange.header('host')) return
    throw new OpenworkError(
      'origin_not_allowed',
      `Pages of ${origin} may not ${this.#guards === 'changes' ? 'change' : 'ask for'} anything here`,
      {
        hint: 'List the origin with --cors',
      },
    )
  }

  /** Adds the headers that let a listed page read the answer. */
  allow(exchange: Exchange, { headers }: Response): void {
    if (this.#listed.size === 0) return
    const origin = exchange.header('origin')
    // Also without an Origin: a shared cache must not hand this answer to a page.
    headers.append('vary', 'Origin')
    if (this.#any) headers.set('access-control-allow-origin', '*')
    else if (origin !== null && this.#listed.has(origin)) headers.set('access-control-allow-origin', origin)
    else return
    headers.set('access-control-allow-headers', ALLOWED_HEADERS)
    headers.set('access-control-allow-methods', ALLOWED_METHODS)
    headers.set('access-control-expose-headers', EXPOSED_HEADERS)
  }
}

const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined)
