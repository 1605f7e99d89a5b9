import { isIPv6 } from 'node:net'
import { OpenworkError } from '../shared/errors.ts'

const FREE_FAILURES = 10
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000
/** Failures are forgotten this long after the last pause ended. */
const FORGET_MS = 5 * 60_000
/** What is remembered at most, so that a flood costs some 10 MB and no more; the oldest go first. */
const MAX_FAILING_ADDRESSES = 10_000
const MAX_CREDENTIALS = 2_000
const MAX_ADDRESSES_OF_A_CREDENTIAL = 32
/** Where a credential works from is noted no more often: asking for the address is a tenth of a small request's cost. */
const NOTE_EVERY_MS = 1_000

/** Where a request comes from. */
export type From = { readonly address: string }

type Failures = { count: number; untilMs: number }
type Successes = { notedMs: number; addresses: Set<string> }

/**
 * Slows down guessing. After ten wrong credentials in a row an address must pause, twice as long each time, up to a
 * minute. A credential that has worked from that address before is let through meanwhile: one client with an old token
 * must not shut out the others behind the same address. A new one, even a right one, is not: that would tell a guess.
 * Callers do not ask at all about a right credential that is too long to be found by trying.
 * Times are of a clock that is never set (`performance.now()`): no step of it ends or prolongs a pause.
 */
export class Attempts {
  readonly #failures = new Map<string, Failures>()
  readonly #successes = new Map<string, Successes>()

  /** Throws `too_many_attempts` when this credential may not be tried from there now. */
  check(from: From, credential: string, nowMs: number): void {
    if (this.#failures.size === 0) return
    const address = group(from.address)
    const failures = this.#failures.get(address)
    if (!failures || nowMs >= failures.untilMs || this.#successes.get(credential)?.addresses.has(address)) return
    throw new OpenworkError('too_many_attempts', 'Too many wrong credentials from this address', {
      details: { retryAfterMs: Math.ceil(failures.untilMs - nowMs) },
    })
  }

  failed(from: From, nowMs: number): void {
    const address = group(from.address)
    const last = this.#failures.get(address)
    const count = last && nowMs < last.untilMs + FORGET_MS ? last.count + 1 : 1
    const beyond = count - FREE_FAILURES
    const pauseMs = beyond > 0 ? Math.min(FIRST_PAUSE_MS * 2 ** (beyond - 1), MAX_PAUSE_MS) : 0
    // Behind the others: whoever goes on failing is not the one forgotten first.
    this.#failures.delete(address)
    makeRoom(this.#failures, MAX_FAILING_ADDRESSES)
    this.#failures.set(address, { count, untilMs: nowMs + pauseMs })
  }

  succeeded(from: From, credential: string, nowMs: number): void {
    const known = this.#successes.get(credential)
    if (known && nowMs - known.notedMs < NOTE_EVERY_MS) return
    const addresses = known?.addresses ?? new Set()
    const address = group(from.address)
    addresses.delete(address)
    makeRoom(addresses, MAX_ADDRESSES_OF_A_CREDENTIAL)
    addresses.add(address)
    this.#successes.delete(credential)
    makeRoom(this.#successes, MAX_CREDENTIALS)
    this.#successes.set(credential, { notedMs: nowMs, addresses })
  }
}

/** One subscriber gets a whole /64 of IPv6 addresses. */
function group(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail = ''] = address.split('::')
  const first = head.split(':').filter(part => part !== '')
  const last = tail.split(':').filter(part => part !== '')
  const middle = Array.from({ length: address.includes('::') ? 8 - first.length - last.length : 0 }, () => '0')
  return [...first, ...middle, ...last].slice(0, 4).join(':')
}

function makeRoom(entries: Map<string, unknown> | Set<string>, max: number): void {
  if (entries.size < max) return
  const [oldest] = entries.keys()
  if (oldest !== undefined) entries.delete(oldest)
}
