import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { OpenedPairing, PairingClaim, PairingInfo, PairingRequest } from '../api/pairings.ts'
import type { IssuedToken } from '../api/tokens.ts'
import { OpenworkError } from '../shared/errors.ts'
import { Attempts, type From } from './attempts.ts'
import { sha256Hex } from './digest.ts'
import type { TokenStore } from './token-store.ts'

/** Each open code is one more that a guess may hit. */
const MAX_OPEN = 20

/** Claimed ones are listed so long, and so many of them: whoever waits for a claim asks every second. */
const CLAIMED_KEPT_MS = 10 * 60_000
const MAX_CLAIMED = 20

/** Without `I`, `O`, `0` and `1`: 32 characters, so that a random byte picks each with the same chance. */
const ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'
/** 60 bits. */
const CODE_LENGTH = 12
const GROUP_LENGTH = 4

type Pairing = Pick<PairingRequest, 'scope' | 'label' | 'tokenExpiresInSeconds'> & {
  readonly id: string
  readonly codeHash: Buffer
  readonly createdAt: number
  readonly expiresAt: number
  /** The same deadline on a clock that is never set: the one that counts. */
  readonly expiresMs: number
  state:
    | { readonly name: 'open' }
    /** Somebody has named the code, their token is being made. */
    | { readonly name: 'claiming' }
    | { readonly name: 'claimed'; readonly token: Pick<IssuedToken, 'id' | 'label'>; readonly atMs: number }
}

/**
 * One-time codes that become device tokens, in memory: a restart of the server ends them. `nowMs` everywhere is a
 * reading of `performance.now()`.
 */
export class Pairings {
  readonly #tokens: TokenStore
  /** Its own, apart from that of wrong tokens: a device is paired again just because its old token is refused. */
  readonly #attempts = new Attempts()
  #pairings: Pairing[] = []

  constructor(tokens: TokenStore) {
    this.#tokens = tokens
  }

  /** Throws `pairing_limit_reached`. */
  open(request: PairingRequest, nowMs: number): OpenedPairing {
    this.#forgetOld(nowMs)
    const open = this.#pairings.filter(({ state }) => state.name !== 'claimed')
    if (open.length >= MAX_OPEN)
      throw new OpenworkError('pairing_limit_reached', `There are ${open.length} open pairings already`, {
        hint: 'Cancel one, or wait until one expires',
      })
    const { scope, label, tokenExpiresInSeconds, expiresInSeconds } = request
    const code = newCode()
    const createdAt = Date.now()
    const pairing: Pairing = {
      id: randomUUID(),
      codeHash: hashOf(code),
      scope,
      label,
      tokenExpiresInSeconds,
      createdAt,
      expiresAt: createdAt + expiresInSeconds * 1000,
      expiresMs: nowMs + expiresInSeconds * 1000,
      state: { name: 'open' },
    }
    this.#pairings.push(pairing)
    return { ...infoOf(pairing), code }
  }

  /** Oldest first. */
  list(nowMs: number): PairingInfo[] {
    this.#forgetOld(nowMs)
    return this.#pairings.map(infoOf)
  }

  /** Throws `pairing_not_found`, also for one that has been claimed: its token is what can be revoked then. */
  cancel(id: string, nowMs: number): PairingInfo {
    this.#forgetOld(nowMs)
    const pairing = this.#pairings.find(candidate => candidate.id === id && candidate.state.name === 'open')
    if (!pairing) throw new OpenworkError('pairing_not_found', `No open pairing has the id "${id}"`)
    this.#remove(pairing)
    return infoOf(pairing)
  }

  /**
   * The device token for a code. Of several claims of one code, the first wins, whatever the others do meanwhile; when
   * its token cannot be made, the code stays good. Throws `too_many_attempts` after several wrong codes from one
   * address, `pairing_not_found`, and what issuing a token throws.
   */
  async claim({ code, label }: PairingClaim, from: From, nowMs: number): Promise<IssuedToken> {
    this.#attempts.check(from, '', nowMs)
    this.#forgetOld(nowMs)
    const pairing = this.#findOpen(hashOf(code))
    if (!pairing) {
      this.#attempts.failed(from, nowMs)
      throw new OpenworkError('pairing_not_found', 'This pairing code is not valid, or no longer')
    }
    pairing.state = { name: 'claiming' }
    try {
      const token = await this.#tokens.issueToDevice({
        scope: pairing.scope,
        // A name the host gave is the host's to give: a device must not pass for another.
        label: pairing.label || label,
        expiresInSeconds: pairing.tokenExpiresInSeconds,
      })
      pairing.state = { name: 'claimed', token: { id: token.id, label: token.label }, atMs: nowMs }
      return token
    } catch (error) {
      pairing.state = { name: 'open' }
      throw error
    }
  }

  /** Looks at every code in full: how long it takes tells nothing of how near a guess was. */
  #findOpen(codeHash: Buffer): Pairing | undefined {
    let found: Pairing | undefined
    for (const pairing of this.#pairings)
      if (timingSafeEqual(pairing.codeHash, codeHash) && pairing.state.name === 'open') found = pairing
    return found
  }

  #forgetOld(nowMs: number): void {
    this.#pairings = this.#pairings.filter(pairing => nowMs < listedUntilMs(pairing))
    const claimed = this.#pairings.filter(({ state }) => state.name === 'claimed')
    for (const oldest of claimed.slice(0, Math.max(0, claimed.length - MAX_CLAIMED))) this.#remove(oldest)
  }

  #remove(pairing: Pairing): void {
    this.#pairings = this.#pairings.filter(candidate => candidate !== pairing)
  }
}

function listedUntilMs({ state, expiresMs }: Pairing): number {
  switch (state.name) {
    case 'open':
      return expiresMs
    case 'claiming':
      return Number.POSITIVE_INFINITY
    case 'claimed':
      return state.atMs + CLAIMED_KEPT_MS
  }
}

const infoOf = ({ id, scope, label, createdAt, expiresAt, state }: Pairing): PairingInfo => {
  const token = state.name === 'claimed' ? state.token : undefined
  const shownLabel = token ? token.label : label
  return {
    id,
    status: token ? 'claimed' : 'open',
    scope,
    ...(shownLabel && { label: shownLabel }),
    createdAt,
    expiresAt,
    ...(token && { tokenId: token.id }),
  }
}

/** `XXXX-XXXX-XXXX`: read aloud and typed by hand. */
function newCode(): string {
  const letters = Array.from(randomBytes(CODE_LENGTH), byte => ALPHABET[byte % ALPHABET.length]).join('')
  return letters.match(new RegExp(`.{${GROUP_LENGTH}}`, 'g'))?.join('-') ?? letters
}

const hashOf = (code: string): Buffer => Buffer.from(sha256Hex(code.replaceAll(/[\s-]/g, '').toUpperCase()))
