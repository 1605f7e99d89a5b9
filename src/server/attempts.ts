import { isIPv6 } from 'node:net'
import { OpenworkError } from '../shared/errors.ts'

const FREE_FAILURES = 10
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000
/** Failures are forgotten this long after the last pause ended. */
const FORGET_MS = 5 * 60_000
/** Addresses and credentials remembered; the oldest go first. */
const MAX_REMEMBERED = 10_000

/** Where a request comes from. */
type From = { readonly address: string }

type Record = { failures: number; untilMs: number }

/**
 * Slows down guessing. After ten wrong credentials in a row an address must pause, twice as long each time, up to a
 * minute. A credential that has worked from that address before is let through meanwhile: one client with an old token
 * must not shut out the others behind the same address. A new one, even a right one, is not: that would tell a guess.
 */
export class Attempts {
  readonly #byAddress = new Map<string, Record>()
  readonly #good = new Set<string>()

  /** Throws `too_many_attempts` when this credential may not be tried from there now. */
  check(from: From, hash: string, nowMs: number): void {
    if (this.#byAddress.size === 0) return
    const { address } = from
    const record = this.#byAddress.get(group(address))
    if (!record || nowMs >= record.untilMs || this.#good.has(key(address, hash))) return
    throw new OpenworkError('too_many_attempts', 'Too many wrong credentials from this address', {
      details: { retryAfterMs: record.untilMs - nowMs },
    })
  }

  failed({ address }: From, nowMs: number): void {
    const from = group(address)
    const last = this.#byAddress.get(from)
    const failures = last && nowMs < last.untilMs + FORGET_MS ? last.failures + 1 : 1
    const beyond = failures - FREE_FAILURES
    const pauseMs = beyond > 0 ? Math.min(FIRST_PAUSE_MS * 2 ** (beyond - 1), MAX_PAUSE_MS) : 0
    remember(this.#byAddress, from)
    this.#byAddress.set(from, { failures, untilMs: nowMs + pauseMs })
  }

  succeeded({ address }: From, hash: string): void {
    const pair = key(address, hash)
    if (this.#good.has(pair)) return
    remember(this.#good, pair)
    this.#good.add(pair)
  }
}

const key = (address: string, hash: string): string => `${hash} ${group(address)}`

/** One subscriber gets a whole /64 of IPv6 addresses. */
function group(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail = ''] = address.split('::')
  const first = head.split(':').filter(part => part !== '')
  const last = tail.split(':').filter(part => part !== '')
  const middle = Array.from({ length: address.includes('::') ? 8 - first.length - last.length : 0 }, () => '0')
  return [...first, ...middle, ...last].slice(0, 4).join(':')
}

/** Makes room for a new entry. */
function remember(entries: Map<string, Record> | Set<string>, entry: string): void {
  if (entries.size < MAX_REMEMBERED || entries.has(entry)) return
  const [oldest] = entries.keys()
  if (oldest !== undefined) entries.delete(oldest)
}
