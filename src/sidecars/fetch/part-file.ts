import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { isNoPlainFile, openPlainFile, readPlainFile } from '../../shared/plain-file.ts'

const READ_BYTES = 1024 * 1024
const MAX_NOTE_BYTES = 8 * 1024

/** What the bytes of a part are the beginning of. Stands beside it, in `<path>.part.json`. */
type Note = {
  /** The whole file's, where it is known beforehand: then any URL may go on with the part. */
  sha256?: string | undefined
  /** A digest of the URL it came from, which may hold secrets. */
  source: string
  /** That URL's strong ETag, else its date of change: what a request for the rest depends on. */
  validator?: string | undefined
  totalBytes?: number | undefined
}

/**
 * A file that is arriving: `<path>.part`, hashed as it grows. It survives its process, so that the next download goes on
 * where this one was cut. One process at a time works on it: the holder of the lock of `path`. Whoever finds a `.part` or
 * `.part.json` without that lock may remove both.
 */
export class PartFile {
  readonly #path: string
  readonly #file: FileHandle
  readonly #sha256: string | undefined
  #hash: Hash = createHash('sha256')
  #bytes = 0
  #note: Note | undefined
  #open = true

  private constructor(path: string, file: FileHandle, sha256: string | undefined) {
    this.#path = path
    this.#file = file
    this.#sha256 = sha256
  }

  /** Takes up what an earlier download of the same file left, reading and hashing it; else starts an empty one. */
  static async open(
    path: string,
    { sha256, signal }: { sha256: string | undefined; signal: AbortSignal | undefined },
  ): Promise<PartFile> {
    const part = new PartFile(path, await openOwn(partPath(path)), sha256)
    try {
      await part.#takeUp(signal)
      return part
    } catch (error) {
      await part.close()
      throw error
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Of the whole file, as the server said that the first bytes came from. */
  get totalBytes(): number | undefined {
    return this.#note?.totalBytes
  }

  /** SHA-256 of what is there, lower-case hex. */
  get digest(): string {
    return this.#hash.copy().digest('hex')
  }

  /**
   * What a request to `url` says to get the rest; undefined when it must be for the whole. The rest of a file whose hash
   * is known may come from anywhere, since the hash tells in the end; otherwise it must be of the same URL, unchanged.
   */
  rangeHeaders(url: string): Record<string, string> | undefined {
    if (this.#bytes === 0 || this.#note === undefined) return undefined
    const { source, validator } = this.#note
    const isSameSource = validator !== undefined && source === digestOf(url)
    if (!isSameSource && this.#sha256 === undefined) return undefined
    return { range: `bytes=${this.#bytes}-`, ...(isSameSource && { 'if-range': validator }) }
  }

  /** Empties the part and notes what its bytes will be. */
  async begin(url: string, headers: Headers, totalBytes: number | undefined): Promise<void> {
    await this.clear()
    const note = { sha256: this.#sha256, source: digestOf(url), validator: validatorOf(headers), totalBytes }
    await rm(notePath(this.#path), { force: true }) // whatever it is: a link would be written through
    await writeFile(notePath(this.#path), JSON.stringify(note), { mode: 0o600, flag: 'wx' })
    this.#note = note
  }

  async append(chunk: Uint8Array): Promise<void> {
    const writing = this.#write(chunk)
    this.#hash.update(chunk) // while the disk is at it
    await writing
    this.#bytes += chunk.length
  }

  async clear(): Promise<void> {
    await this.#file.truncate(0)
    this.#hash = createHash('sha256')
    this.#bytes = 0
    this.#note = undefined
  }

  /** Makes the part the file. */
  async finish(): Promise<void> {
    await this.#file.sync()
    await this.close()
    await rename(partPath(this.#path), this.#path)
    await rm(notePath(this.#path), { force: true })
    if (process.platform === 'win32') return // folders cannot be synced there
    await using folder = await open(dirname(this.#path), 'r')
    await folder.sync()
  }

  /** Removes the part. */
  async discard(): Promise<void> {
    await this.close()
    await rm(partPath(this.#path), { force: true })
    await rm(notePath(this.#path), { force: true })
  }

  /** Leaves the part for the next download. May be called again. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#file.close()
  }

  async #takeUp(signal: AbortSignal | undefined): Promise<void> {
    const note = await readNote(this.#path)
    if (note === undefined || note.sha256 !== this.#sha256) return this.clear()
    const buffer = new Uint8Array(READ_BYTES)
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#bytes)
      if (bytesRead === 0) break
      this.#hash.update(buffer.subarray(0, bytesRead))
      this.#bytes += bytesRead
    }
    this.#note = note
  }

  async #write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await this.#file.write(chunk, at, chunk.length - at, this.#bytes + at)
      at += bytesWritten
    }
  }
}

const partPath = (path: string): string => `${path}.part`
const notePath = (path: string): string => `${path}.part.json`

/** For reading and writing. What stands there and is not a file that only we can write gives way to an empty one. */
async function openOwn(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT
  try {
    const file = await openPlainFile(path, { flags: flags | (constants.O_NOFOLLOW ?? 0), mode: 0o600 })
    if (await isOurs(file)) return file
    await file.close()
  } catch (error) {
    if (!isNoPlainFile(error)) throw error
  }
  await rm(path, { force: true })
  return await openPlainFile(path, { flags: flags | constants.O_EXCL, mode: 0o600 })
}

/** Whoever else may write it, by its owner, its mode or another name of it, could still do so after it was verified. */
async function isOurs(file: FileHandle): Promise<boolean> {
  const { uid, mode, nlink } = await file.stat()
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0 && nlink === 1)
}

const digestOf = (url: string): string => createHash('sha256').update(url).digest('hex')

/** Weak ETags do not do for `If-Range` (RFC 9110, 13.1.5). */
function validatorOf(headers: Headers): string | undefined {
  const etag = headers.get('etag')
  return etag?.startsWith('"') ? etag : (headers.get('last-modified') ?? undefined)
}

/** Undefined unless it is one of ours, whole. */
async function readNote(path: string): Promise<Note | undefined> {
  let note: Record<string, unknown>
  try {
    note = Object(JSON.parse(await readPlainFile(notePath(path), { maxBytes: MAX_NOTE_BYTES })))
  } catch (error) {
    if (error instanceof SyntaxError || isNoPlainFile(error)) return undefined
    if (['ENOENT', 'EFBIG'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
  const { sha256, source, validator, totalBytes } = note
  const isText = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string'
  if (typeof source !== 'string' || !isText(sha256) || !isText(validator)) return undefined
  if (totalBytes !== undefined && !Number.isSafeInteger(totalBytes)) return undefined
  return { sha256, source, validator, totalBytes: totalBytes as number | undefined }
}
