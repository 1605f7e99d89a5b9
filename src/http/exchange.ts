import { OpenworkError } from '../shared/errors.ts'

/** One request on its way through the program, with what its log record will say. */
export class Exchange {
  readonly request: Request
  /** As received, still percent-encoded, without query. */
  readonly path: string
  /** With its `?`, or empty. */
  readonly search: string
  readonly startedMs = performance.now()
  /** Set once the caller is known. */
  auth: 'none' | 'client' | 'host' = 'none'
  /** Appended to the pretty log line: `(opencode)`. */
  note: string | undefined
  /** Attributes of the log record beyond the usual ones. */
  readonly attributes: Record<string, unknown> = {}
  readonly #server: ConnectionInfo

  constructor(request: Request, server: ConnectionInfo) {
    this.request = request
    this.#server = server
    const url = request.url
    // Absolute (`http://host/path`), or the bare path when an HTTP/1.0 client names no host.
    const pathStart = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3)
    const searchStart = url.indexOf('?', pathStart)
    this.path = url.slice(pathStart, searchStart === -1 ? undefined : searchStart)
    this.search = searchStart === -1 ? '' : url.slice(searchStart)
  }

  header(name: string): string | null {
    return this.request.headers.get(name)
  }

  /** The other end's IP address; `unknown` for a Unix socket or a connection already gone. */
  get address(): string {
    return this.#server.requestIP(this.request)?.address ?? 'unknown'
  }

  /** Lifts the idle limit of this connection: for streams that may be silent for hours. */
  keepOpen(): void {
    this.#server.timeout(this.request, 0)
  }

  /** Ends the connection in a few seconds, also when what was sent is not read. */
  cutOff(): void {
    this.#server.timeout(this.request, 1)
  }

  get elapsedMs(): number {
    return performance.now() - this.startedMs
  }
}

/** What we need of `Bun.serve`'s server object. */
export type ConnectionInfo = {
  requestIP(request: Request): { address: string } | null
  timeout(request: Request, seconds: number): void
}

/** The decoded form of a percent-encoded path. Throws `invalid_path` for a malformed escape. */
export function decodePath(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw new OpenworkError('invalid_path', 'The path holds a malformed percent escape', { cause })
  }
}
