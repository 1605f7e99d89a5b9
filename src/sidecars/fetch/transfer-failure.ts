import { messageOf, systemCode } from '../../shared/errors.ts'

/** Whether asking the same URL again may help: what passes by itself, what rarely does, what never does. */
type Retry = 'often' | 'once' | 'never'

type Facts = {
  retry: Retry
  status?: number | undefined
  /** What the server asked for with `Retry-After`. */
  retryAfterMs?: number | undefined
  /** The server delivered, but something else. */
  wrong?: { expected: string; actual: string } | undefined
  /** What to do about it, when that is more than another source. */
  hint?: string | undefined
  cause?: unknown
}

/** Why one attempt at one URL failed, in words that follow the URL. Becomes an OpenworkError when nothing is left to try. */
export class TransferFailure extends Error {
  override readonly name = 'TransferFailure'
  readonly facts: Readonly<Facts>

  constructor(message: string, facts: Facts) {
    super(message, { cause: facts.cause })
    this.facts = facts
  }

  /** The same of a URL that another one led to. */
  redirectedTo(url: string): TransferFailure {
    return new TransferFailure(`redirected to ${url}: ${this.message}`, this.facts)
  }
}

const MAY_PASS = new Set([408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524])

/** For any status but the ones that bring the file. */
export function refusal(status: number, headers: Headers, nowMs: number): TransferFailure {
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), nowMs)
  const asked = retryAfterMs ? `, to be asked again in ${Math.ceil(retryAfterMs / 1000)} s` : ''
  return new TransferFailure(`HTTP ${status}${asked}`, {
    retry: MAY_PASS.has(status) ? 'often' : 'never',
    status,
    retryAfterMs,
    ...((status === 401 || status === 403) && {
      hint: 'Credentials for a mirror go into its URL: https://user:password@host/.',
    }),
  })
}

/** Seconds, or a date. */
function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined
}

const NAME_NOT_FOUND = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']
const NO_ROUTE = ['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EHOSTDOWN']

/**
 * What Bun's `fetch` and the bodies it gives throw; anything else than the failure of a connection comes back as it is.
 * Not kept as the cause: such an error carries the whole URL, and with it the signature of a signed one.
 */
export function explainNetworkError(error: unknown, proxy: string | undefined): unknown {
  const code = systemCode(error)
  if (error instanceof TransferFailure || code === undefined) return error
  const through = proxy === undefined ? '' : ` through the proxy ${proxy}`
  if (isAboutCertificate(code))
    return new TransferFailure(`its certificate is not trusted${through} (${code})`, {
      retry: 'never',
      hint: 'If a company or a proxy of yours signs certificates, set NODE_EXTRA_CA_CERTS to the file with its CA.',
    })
  if (code === 'ERR_PROXY_TUNNEL')
    return new TransferFailure(`${messageOf(error)} (${proxy})`, {
      retry: 'never',
      hint: 'Check HTTPS_PROXY and NO_PROXY.',
    })
  if (code === 'ResponseHeadersTooLarge')
    return new TransferFailure('the head of its answer is too large', { retry: 'never' })
  if (NAME_NOT_FOUND.includes(code) || NO_ROUTE.includes(code)) {
    const what = NO_ROUTE.includes(code) ? 'there is no route to it' : 'its name was not found'
    return new TransferFailure(`${what}${through} (${code})`, {
      retry: 'once',
      hint: 'Check the network, and HTTPS_PROXY where it needs a proxy.',
    })
  }
  const what = code === 'ECONNREFUSED' ? 'connection refused' : 'the connection failed'
  return new TransferFailure(`${what}${through} (${code})`, { retry: 'often' })
}

/** The names that OpenSSL and BoringSSL give to failed verifications. */
const isAboutCertificate = (code: string): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET|DECRYPT)|^HOSTNAME_MISMATCH$|^INVALID_CA$|^PATH_LENGTH/.test(code)
