import { isPlain } from './secret-words.ts'

/** Shorter ones stand in ordinary text by chance; what they were found in is taken out by its key. */
const MIN_LENGTH = 6
/** Names of users count from here on: `opencode` is a word, 64 random digits are a secret. */
const MIN_NAME_LENGTH = 16
const MAX_SECRETS = 20_000

/** Values that must not leave this machine, and every way in which they may be written. */
export class KnownSecrets {
  readonly #values = new Set<string>()
  #isIncomplete = false

  /** There may be secrets that are not among them: what nobody can search through must not leave then. */
  get isIncomplete(): boolean {
    return this.#isIncomplete
  }

  noteIncomplete(): void {
    this.#isIncomplete = true
  }

  /** The value, and what is in it: of a header what follows its scheme, of a URL its user and password. */
  add(value: string, { isName = false } = {}): void {
    const plain = value.trim()
    if (plain.length < (isName ? MIN_NAME_LENGTH : MIN_LENGTH) || isPlain(plain)) return
    if (this.#values.has(plain)) return
    if (this.#values.size >= MAX_SECRETS) {
      this.noteIncomplete()
      return
    }
    const url = URL.parse(plain)
    if (url !== null && /^[a-z][a-z0-9+.-]*:\/\//i.test(plain)) this.#addUrl(url)
    else this.#addText(plain)
  }

  get values(): readonly string[] {
    return [...this.#values]
  }

  #addText(plain: string): void {
    this.#values.add(plain)
    const [, scheme, rest = ''] = /^(Bearer|Basic|Token)\s+(.+)$/i.exec(plain) ?? []
    if (scheme) this.add(rest)
    if (scheme?.toLowerCase() === 'basic') this.#addPair(Buffer.from(rest, 'base64').toString())
    else if (/^[^:\s]+:[^:\s]+$/.test(plain)) this.#addPair(plain)
    for (const line of plain.includes('\n') ? plain.split('\n') : []) if (line.trim().length >= 16) this.add(line)
  }

  #addPair(pair: string): void {
    const [, name = '', password = ''] = /^([^:]*):(.*)$/s.exec(pair) ?? []
    this.add(name, { isName: true })
    this.add(password)
  }

  /** The address is no secret; a long part of its path may be one, as in webhooks. */
  #addUrl({ username, password, pathname, searchParams }: URL): void {
    for (const part of [username, password]) {
      this.add(part)
      this.add(decoded(part))
    }
    for (const part of pathname.split('/')) if (part.length >= 20) this.add(part)
    for (const [, value] of searchParams) if (value.length >= 16) this.add(value)
  }
}

/** `URL` leaves a stray `%` as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** All the ways in which a secret may be written: as it is, in JSON, in URLs, in base64 at any place of it, in hex. */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const escaped = [...hex.matchAll(/../g)].map(([digits]) => digits)
  const url = encodeURIComponent(secret)
  const base64 = [0, 1, 2].flatMap(before => base64At(bytes, before))
  const json = JSON.stringify(secret).slice(1, -1)
  const ascii = json.replaceAll(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return [
    secret,
    json,
    ascii,
    // A record within a record.
    ...[json, ascii].map(text => JSON.stringify(text).slice(1, -1)),
    url,
    url.replaceAll(/%[0-9A-F]{2}/g, code => code.toLowerCase()),
    url.replaceAll('%20', '+'),
    encodeURIComponent(url),
    encodeURI(secret),
    escaped.map(digits => `%${digits}`).join(''),
    escaped.map(digits => `%${digits.toUpperCase()}`).join(''),
    hex,
    hex.toUpperCase(),
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
    ...base64,
    ...base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_')),
  ].filter(form => form.length >= MIN_LENGTH)
}

/**
 * What of a base64 text with so many bytes before these depends on nothing else. A password in `user:password` is written in
 * another way than by itself.
 */
function base64At(bytes: Buffer, before: number): string[] {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const last = ((before + bytes.length) * 8) % 6 === 0 ? text.length : text.length - 1
  return [text.slice(Math.ceil((before * 8) / 6), last)]
}
