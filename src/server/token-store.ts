import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { IssuedToken, TokenInfo, TokenRequest } from '../api/tokens.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { isRunning } from '../shared/is-running.ts'
import type { Log } from '../shared/log.ts'
import { sha256Hex } from './digest.ts'
import { laterOf, Sightings } from './sightings.ts'
import {
  ensureTokenFolder,
  type FileStamp,
  fileStamp,
  readTokenFile,
  type TokenRecord,
  writeTokenFile,
} from './token-file.ts'

/** Every request is compared with the hashes in memory; the file is read by people too. */
const MAX_TOKENS = 1000

/** A token revoked through another server on the same store is honoured no longer than this. */
const RECHECK_MS = 500

/** The lock of a server that was killed is taken over after this; waiting for a lock (some 7 s) outlasts it. */
const LOCK_STALE_MS = 3_000

/** An expired token is refused at once and forgotten after this: a clock that was wrong for a moment costs no token. */
const EXPIRED_KEPT_MS = 24 * 60 * 60_000

/** Uses of tokens are written down no more often: they are for people to read. */
const SEEN_WRITE_EVERY_MS = 60_000
const CLOSE_MS = 300

/** Issued tokens, in a file that several servers may share. */
export class TokenStore {
  readonly #path: string
  readonly #log: Log
  #byHash: ReadonlyMap<string, TokenRecord> = new Map()
  #stamp: FileStamp = 'absent'
  #checkedMs = 0
  #refreshing: Promise<void> | undefined
  #lastWrite: Promise<unknown> = Promise.resolve()
  /** Of sightings that could not be written: a disk that is read-only stays so, and is no news every minute. */
  #hasWarned = false
  readonly #sightings = new Sightings(SEEN_WRITE_EVERY_MS, seen => this.#writeSightings(seen))

  private constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  /** Reads the file; it need not exist, and nothing is created before the first token is. */
  static async open(path: string, log: Log): Promise<TokenStore> {
    const store = new TokenStore(path, log)
    await store.#load()
    return store
  }

  /** The record of a valid token by the SHA-256 of it, hexadecimal. Counts as a use of it. */
  async find(hash: string): Promise<TokenRecord | undefined> {
    if (Date.now() - this.#checkedMs > RECHECK_MS) await this.#refresh()
    const record = this.#byHash.get(hash)
    const nowMs = Date.now()
    if (!record || isExpired(record, nowMs)) return undefined
    this.#sightings.note(record, nowMs)
    return record
  }

  /** The valid ones, newest first. */
  async list(): Promise<TokenInfo[]> {
    await this.#refresh()
    const nowMs = Date.now()
    return [...this.#byHash.values()]
      .filter(record => !isExpired(record, nowMs))
      .map(record => tokenInfoOf(this.#sightings.latest(record)))
  }

  /**
   * A new token. An owner token takes the place of those with the same label whose issuing process is gone: a launcher
   * asks for one at every start, and nobody else would ever remove them. Throws `token_limit_reached` or
   * `token_store_unusable`.
   */
  issue({ scope, label, expiresInSeconds }: TokenRequest): Promise<IssuedToken> {
    return this.#add({
      scope,
      label,
      kind: 'issued',
      expiresInSeconds,
      issuer: { host: hostname(), pid: process.pid },
    })
  }

  /** The token of a device that was paired. It stays until it is revoked or expires. Throws as `issue` does. */
  issueToDevice({ scope, label, expiresInSeconds }: TokenRequest): Promise<IssuedToken> {
    return this.#add({ scope, label, kind: 'device', expiresInSeconds, issuer: undefined })
  }

  /**
   * Another secret for the same record; the one before is refused from now on. A deadline stays. Throws
   * `token_not_found` or `token_store_unusable`.
   */
  rotate(id: string): Promise<IssuedToken> {
    return this.#change(records => {
      const found = records.find(record => record.id === id && !isExpired(record, Date.now()))
      if (!found) throw noToken(id)
      const token = newToken()
      const rotated = { ...found, hash: sha256Hex(token) }
      return {
        records: records.map(record => (record === found ? rotated : record)),
        result: { ...tokenInfoOf(this.#sightings.latest(rotated)), token },
      }
    })
  }

  /** Throws `token_not_found` or `token_store_unusable`. */
  revoke(id: string): Promise<void> {
    return this.#change(records => {
      const kept = records.filter(record => record.id !== id)
      if (kept.length === records.length) throw noToken(id)
      return { records: kept, result: undefined }
    })
  }

  /** Writes down what was not yet: when tokens were used. Waits for it 300 ms at most, and never rejects. */
  close(): Promise<void> {
    return Promise.race([this.#sightings.close(), Bun.sleep(CLOSE_MS)])
  }

  #add({ scope, label, kind, expiresInSeconds, issuer }: NewToken): Promise<IssuedToken> {
    return this.#change(records => {
      const takesPlace = kind === 'issued' && scope === 'owner' && label
      const kept = takesPlace ? records.filter(record => !isLeftBehind(record, label)) : records
      if (kept.length >= MAX_TOKENS)
        throw new OpenworkError('token_limit_reached', `There are ${kept.length} tokens already`, {
          hint: 'Revoke some that are not in use',
        })
      const token = newToken()
      const createdAt = Date.now()
      const record: TokenRecord = {
        id: randomUUID(),
        hash: sha256Hex(token),
        scope,
        createdAt,
        ...(label && { label }),
        kind,
        ...(expiresInSeconds !== undefined && { expiresAt: createdAt + expiresInSeconds * 1000 }),
        ...(issuer && { issuer }),
      }
      return { records: [record, ...kept], result: { ...tokenInfoOf(record), token } }
    })
  }

  async #writeSightings(seenAt: ReadonlyMap<string, number>): Promise<void> {
    await this.#change(records => ({
      records: records.some(({ id }) => seenAt.has(id))
        ? records.map(record => ({ ...record, ...laterOf(record.lastSeenAt, seenAt.get(record.id)) }))
        : undefined, // all revoked meanwhile
      result: undefined,
    })).catch(error => {
      if (!this.#hasWarned) this.#log.warn(`Cannot note when tokens were used: ${String(error)}`)
      this.#hasWarned = true
    })
  }

  /**
   * One change after the other, each on the file as it is then: other servers change it too. Without `records` nothing
   * is written.
   */
  #change<Result>(
    plan: (records: readonly TokenRecord[]) => { records: readonly TokenRecord[] | undefined; result: Result },
  ): Promise<Result> {
    const change = this.#lastWrite.then(() =>
      this.#locked(async () => {
        const nowMs = Date.now()
        const stored = await readTokenFile(this.#path, this.#log)
        const { records, result } = plan(stored.filter(record => !isExpired(record, nowMs - EXPIRED_KEPT_MS)))
        if (records) await writeTokenFile(this.#path, records, nowMs)
        await this.#load()
        return result
      }),
    )
    this.#lastWrite = change.catch(() => {}) // its own caller is told; the next change does not depend on it
    return change
  }

  async #locked<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      await ensureTokenFolder(this.#path)
      const { lock } = await import('proper-lockfile')
      const release = await lock(this.#path, {
        realpath: false, // the file may not exist yet
        stale: LOCK_STALE_MS,
        retries: { retries: 80, factor: 1.2, minTimeout: 5, maxTimeout: 100, randomize: true },
        onCompromised: error => this.#log.warn(`The lock of the token store was lost: ${error.message}`),
      })
      try {
        return await work()
      } finally {
        await release().catch(error => this.#log.warn(`The token store stays locked for a while: ${error.message}`))
      }
    } catch (cause) {
      if (cause instanceof OpenworkError || systemCode(cause) === undefined) throw cause
      throw new OpenworkError('token_store_unusable', `Cannot change the token store (${systemCode(cause)})`, { cause })
    }
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= (async () => {
      if ((await fileStamp(this.#path)) !== this.#stamp) await this.#load()
      this.#checkedMs = Date.now()
    })()
      .catch(error => this.#log.warn(`Cannot check the token store: ${String(error)}`))
      .finally(() => {
        this.#refreshing = undefined
      })
    return this.#refreshing
  }

  /** The stamp is taken first: a change between the two reads is then seen at the next check. */
  async #load(): Promise<void> {
    const stamp = await fileStamp(this.#path)
    const records = await readTokenFile(this.#path, this.#log).catch(error => {
      const code = systemCode(error)
      if (code === undefined) throw error
      this.#log.warn(`Cannot read the token store ${this.#path} (${code}): issued tokens are not accepted`)
      return []
    })
    this.#byHash = new Map(records.map(record => [record.hash, record]))
    this.#stamp = stamp
    this.#checkedMs = Date.now()
  }
}

type NewToken = Pick<TokenRecord, 'scope' | 'kind'> & {
  label: string | undefined
  expiresInSeconds: number | undefined
  issuer: TokenRecord['issuer']
}

const newToken = (): string => `owt_${randomUUID().replaceAll('-', '')}`

const noToken = (id: string): OpenworkError => new OpenworkError('token_not_found', `No token has the id "${id}"`)

const isExpired = ({ expiresAt }: TokenRecord, nowMs: number): boolean => expiresAt !== undefined && nowMs >= expiresAt

const tokenInfoOf = ({ id, scope, createdAt, label, kind, lastSeenAt, expiresAt }: TokenRecord): TokenInfo => ({
  id,
  scope,
  createdAt,
  ...(label && { label }),
  kind,
  ...(lastSeenAt !== undefined && { lastSeenAt }),
  ...(expiresAt !== undefined && { expiresAt }),
})

/** An owner token of that label, issued on this machine by a process that no longer runs. */
const isLeftBehind = ({ scope, label, issuer }: TokenRecord, wanted: string): boolean =>
  scope === 'owner' && label === wanted && issuer?.host === hostname() && !isRunning(issuer.pid)
