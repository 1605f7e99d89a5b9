import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { messageOf, systemCode } from '../../shared/errors.ts'
import { isLoopbackUrl, reachesThisMachine } from '../../shared/loopback.ts'
import { reveal, type Secret, secret } from '../../shared/secret.ts'
import { basicAuth } from '../../shared/url.ts'
import { trustedCertificates } from './certificates.ts'
import type { TransferLimits } from './limits.ts'
import { findProxy } from './proxy.ts'
import { shownUrl } from './shown-url.ts'
import { explainNetworkError, refusal, TransferFailure } from './transfer-failure.ts'
import { watchBody } from './watch-body.ts'

const MAX_REDIRECTS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const FILE_CHUNK_BYTES = 1024 * 1024

export type OpenOptions = {
  env: Readonly<Record<string, string | undefined>>
  limits: TransferLimits
  signal: AbortSignal | undefined
  /** For the server, such as `range`. */
  headers?: Readonly<Record<string, string>>
}

/** An answer that brings the file. Dispose of it in any case: that closes the connection of a body that was not read. */
export type OpenedUrl = {
  /** 206 and 416 only in answer to a range. */
  readonly status: number
  readonly headers: Headers
  /** To be read once. Ends in a TransferFailure when the connection breaks, stalls, or is closed too early. */
  readonly body: AsyncIterable<Uint8Array>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Asks for a URL: https, http of this machine alone, or file. Redirects are followed, credentials only within their host.
 * Nothing is decoded: the bytes are those of the file.
 *
 * @throws TransferFailure; the reason of an aborted `signal`
 */
export async function openUrl(target: string, options: OpenOptions): Promise<OpenedUrl> {
  const first = URL.parse(target)
  if (first === null) throw new TransferFailure('it is not a URL', { retry: 'never' })
  if (first.protocol === 'file:') return openFile(first)
  let url = first
  let authorization = credentialsOf(url)
  let opened = await ask(url, authorization, options)
  for (let redirects = 1; REDIRECTS.has(opened.status); redirects += 1) {
    await opened[Symbol.asyncDispose]()
    const next: URL | null = URL.parse(opened.headers.get('location') ?? '', url.href)
    if (next === null) throw new TransferFailure('it redirects to something that is not a URL', { retry: 'never' })
    if (redirects > MAX_REDIRECTS)
      throw new TransferFailure(`more than ${MAX_REDIRECTS} redirects, the last one to ${shownUrl(next)}`, {
        retry: 'never',
      })
    authorization = credentialsOf(next) ?? (next.origin === url.origin ? authorization : undefined)
    try {
      requireSafeHop(next, { from: url, first })
      opened = await ask(next, authorization, options)
    } catch (failure) {
      throw failure instanceof TransferFailure ? failure.redirectedTo(shownUrl(next)) : failure
    }
    url = next
  }
  return opened
}

function requireSafe(url: URL): void {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackUrl(url))) return
  throw new TransferFailure(`${url.protocol}// is allowed for this machine alone`, {
    retry: 'never',
    hint: 'Use https.',
  })
}

/** What a server elsewhere says must neither give up https nor reach what only this machine can reach. */
function requireSafeHop(next: URL, { from, first }: { from: URL; first: URL }): void {
  if (from.protocol === 'https:' && next.protocol !== 'https:')
    throw new TransferFailure('that is not https any more', { retry: 'never' })
  if (reachesThisMachine(next) && !reachesThisMachine(first))
    throw new TransferFailure('that is this machine, and the URL it began with is not', { retry: 'never' })
}

function credentialsOf({ username, password }: URL): Secret | undefined {
  if (!username && !password) return undefined
  return basicAuth(secret(decoded(username)), secret(decoded(password)))
}

/** `URL` leaves a stray `%` as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** One request. Resolves to what brings the file, or to a redirect. */
async function ask(
  url: URL,
  authorization: Secret | undefined,
  { env, limits, signal, headers }: OpenOptions,
): Promise<OpenedUrl> {
  requireSafe(url)
  const proxy = findProxy(url, env)
  const over = new AbortController()
  const bare = new URL(url)
  bare.username = bare.password = ''
  const tooLate = new TransferFailure(`no answer within ${limits.headersMs / 1000} s`, { retry: 'once' })
  const timer = setTimeout(() => over.abort(tooLate), limits.headersMs)
  try {
    const response = await fetch(bare, {
      headers: {
        'user-agent': 'openwork',
        'accept-encoding': 'identity',
        ...headers,
        ...(authorization && { authorization: reveal(authorization) }),
      },
      redirect: 'manual',
      decompress: false,
      // `false` keeps Bun from reading the variables itself; the types know only strings.
      proxy: proxy?.href ?? (false as unknown as string),
      ...(url.protocol === 'https:' && { tls: { ca: trustedCertificates() } }),
      signal: signal ? AbortSignal.any([signal, over.signal]) : over.signal,
    })
    const { status } = response
    const isOfRange = headers?.range !== undefined && (status === 206 || status === 416)
    const isRedirect = REDIRECTS.has(status) && response.headers.has('location')
    if (status !== 200 && !isOfRange && !isRedirect) {
      over.abort()
      throw refusal(status, response.headers, Date.now())
    }
    return {
      status,
      headers: response.headers,
      body: watchBody(response.body, { limits, over, signal, proxy: proxy?.origin }),
      [Symbol.asyncDispose]: async () => over.abort(),
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (over.signal.reason === tooLate) throw tooLate
    throw explainNetworkError(error, proxy?.origin)
  } finally {
    clearTimeout(timer)
  }
}

/** A local file as if a server had answered 200. */
async function openFile(url: URL): Promise<OpenedUrl> {
  try {
    // Opening a pipe would otherwise wait for someone to write to it.
    const file = await open(fileURLToPath(url), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const found = await file.stat()
    const opened = {
      status: 200,
      headers: new Headers({ 'content-length': String(found.size) }),
      body: readChunks(file),
      [Symbol.asyncDispose]: () => file.close(),
    }
    if (found.isFile()) return opened
    await opened[Symbol.asyncDispose]()
  } catch (error) {
    throw unreadable(error)
  }
  throw new TransferFailure('it is not a file', { retry: 'never' })
}

async function* readChunks(file: FileHandle): AsyncGenerator<Uint8Array> {
  try {
    yield* file.createReadStream({ highWaterMark: FILE_CHUNK_BYTES, autoClose: false })
  } catch (error) {
    throw unreadable(error)
  }
}

const unreadable = (error: unknown): unknown =>
  systemCode(error) === undefined
    ? error
    : new TransferFailure(`it cannot be read: ${messageOf(error)}`, { retry: 'never', cause: error })
