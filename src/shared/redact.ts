import { reveal, type Secret } from './secret.ts'

export const REDACTED = '[REDACTED]'

/** Shorter values are too likely to occur in ordinary text ("auto", "8787") to be masked wherever they stand. */
const MIN_SECRET_LENGTH = 6

/** Keys whose values are never shown, compared without case, `-` and `_`. */
const SECRET_KEYS = new Set(
  [
    'token',
    'hostToken',
    'ownerToken',
    'collaboratorToken',
    'controlToken',
    'authorization',
    'password',
    'opencodePassword',
    'opencodeUsername',
    'botToken',
    'appToken',
    'apiKey',
    'x-openwork-host-token',
  ].map(normalKey),
)

const ENV_NAME = /^(?:OPENWORK|OPENCODE|DEN)_\w*(?:TOKEN|PASSWORD|USERNAME|AUTHORIZATION)\w*$/i

const PATTERNS: readonly [RegExp, string][] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [
    /(--(?:token|host-token|openwork-token|openwork-host-token|opencode-password|opencode-username)[= ])(\S+)/g,
    `$1${REDACTED}`,
  ],
  [/\b((?:OPENWORK|OPENCODE|DEN)_\w*(?:TOKEN|PASSWORD|USERNAME|AUTHORIZATION)\w*\s*[=:]\s*)(\S+)/g, `$1${REDACTED}`],
]

/** Every text that one of the patterns could match; most lines are none, and a flood of them is looked at once only. */
const SUSPICIOUS = /bearer|basic|token|password|username|authorization/i

function normalKey(key: string): string {
  return key.replaceAll(/[-_]/g, '').toLowerCase()
}

/**
 * Masks secrets in everything that is shown: by value (every secret the process was told of, in plain, JSON-escaped,
 * percent-encoded and base64 form), by key, and by the look of the text.
 */
export class Redactor {
  readonly #values = new Set<string>()
  #known: RegExp | undefined

  /** From now on this value is masked wherever it appears. Very short values are ignored. */
  add(value: string | Secret): void {
    const plain = reveal(value)
    if (plain.length < MIN_SECRET_LENGTH) return
    for (const form of [
      plain,
      JSON.stringify(plain).slice(1, -1),
      encodeURIComponent(plain),
      Buffer.from(plain).toString('base64'),
    ])
      this.#values.add(form)
    const longestFirst = [...this.#values].sort((a, b) => b.length - a.length)
    this.#known = new RegExp(longestFirst.map(escapeRegExp).join('|'), 'g')
  }

  /** A sentence of our own, masked by value only: `pass --token and …` has no secret behind the flag. */
  known(text: string): string {
    return this.#known ? text.replace(this.#known, REDACTED) : text
  }

  /** A line of text with every secret replaced by `[REDACTED]`. */
  text(text: string): string {
    let masked = this.known(text)
    if (SUSPICIOUS.test(masked))
      for (const [pattern, replacement] of PATTERNS) masked = masked.replace(pattern, replacement)
    return masked
  }

  /** The same for a structure, by key and by value. Cycles and depths past eight levels show as `[…]`. */
  value(value: unknown, depth = 0): unknown {
    if (typeof value === 'string') return this.text(value)
    if (value === null || typeof value !== 'object') return value
    if (depth > 8) return '[…]'
    if (Array.isArray(value)) return value.map(item => this.value(item, depth + 1))
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        isSecretKey(key) && item !== null && item !== undefined ? REDACTED : this.value(item, depth + 1),
      ]),
    )
  }
}

const isSecretKey = (key: string): boolean => SECRET_KEYS.has(normalKey(key)) || ENV_NAME.test(key)

const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
