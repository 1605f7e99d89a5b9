import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { IssuedToken, TokenInfo, TokenRequest } from '../api/tokens.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { sha256Hex } from './digest.ts'
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

/** Issued tokens, in a file that several servers may share. */
export class TokenStore {
  readonly #path: string
  readonly #log: Log
  #byHash: ReadonlyMap<string, TokenRecord> = new Map()
  #stamp: FileStamp = 'absent'
  #checkedMs = 0
  #refreshing: Promise<void> | undefined
  #lastWrite: Promise<unknown> = Promise.resolve()

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

  /** The record of a token by the SHA-256 of it, hexadecimal. */
  async find(hash: string): Promise<TokenRecord | undefined> {
    if (Date.now() - this.#checkedMs > RECHECK_MS) await this.#refresh()
    return this.#byHash.get(hash)
  }

  /** Newest first. */
  async list(): Promise<TokenInfo[]> {
    await this.#refresh()
    return [...this.#byHash.values()].map(tokenInfoOf)
  }

  /**
   * A new token. An owner token takes the place of those with the same label whose issuing process is gone: a launcher
   * asks for one at every start, and nobody else would ever remove them. Throws `token_limit_reached` or
   * `token_store_unusable`.
   */
  issue({ scope, label }: TokenRequest): Promise<IssuedToken> {
    return this.#change(records => {
      const kept = scope === 'owner' && label ? records.filter(record => !isLeftBehind(record, label)) : records
      if (kept.length >= MAX_TOKENS)
        throw new OpenworkError('token_limit_reached', `There are ${kept.length} tokens already`, {
          hint: 'Revoke some that are not in use',
        })
      const token = `owt_${randomUUID().replaceAll('-', '')}`
      const record: TokenRecord = {
        id: randomUUID(),
        hash: sha256Hex(token),
        scope,
        createdAt: Date.now(),
        ...(label && { label }),
        issuer: { host: hostname(), pid: process.pid },
      }
      return { records: [record, ...kept], result: { ...tokenInfoOf(record), token } }
    })
  }

  /** Throws `token_not_found` or `token_store_unusable`. */
  revoke(id: string): Promise<void> {
    return this.#change(records => {
      const kept = records.filter(record => record.id !== id)
      if (kept.length === records.length) throw new OpenworkError('token_not_found', `No token has the id "${id}"`)
      return { records: kept, result: undefined }
    })
  }

  /** One change after the other, each on the file as it is then: other servers change it too. */
  #change<Result>(
    plan: (records: readonly TokenRecord[]) => { records: readonly TokenRecord[]; result: Result },
  ): Promise<Result> {
    const change = this.#lastWrite.then(() =>
      this.#locked(async () => {
        const { records, result } = plan(await readTokenFile(this.#path, this.#log))
        await writeTokenFile(this.#path, records, Date.now())
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
    const records = await readTokenFile(this.#path, this.#log)
    this.#byHash = new Map(records.map(record => [record.hash, record]))
    this.#stamp = stamp
    this.#checkedMs = Date.now()
  }
}

const tokenInfoOf = ({ id, scope, createdAt, label }: TokenRecord): TokenInfo => ({
  id,
  scope,
  createdAt,
  ...(label && { label }),
})

/** An owner token of that label, issued on this machine by a process that no longer runs. */
const isLeftBehind = ({ scope, label, issuer }: TokenRecord, wanted: string): boolean =>
  scope === 'owner' && label === wanted && issuer?.host === hostname() && !isRunning(issuer.pid)

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM' // it runs, as someone else
  }
}
