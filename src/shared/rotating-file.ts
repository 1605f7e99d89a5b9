import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  type Stats,
  writeSync,
} from 'node:fs'
import { systemCode } from './errors.ts'

export type RotatingFileOptions = {
  /** A file that would grow beyond this becomes `<path>.1` first. */
  maxBytes: number
  /** So many older files are kept: `<path>.1` is the youngest. */
  keep: number
}

/** Handed to the system at the latest when so much has come together. */
const BATCH_LENGTH = 64 * 1024

/**
 * Lines to a file that never grows without end, 0600. Each is there whole or not at all for whoever reads it, also when
 * the disk was full in between. Nothing here throws once it is open: lines that cannot be written are dropped, and their
 * number is written as soon as there is room again.
 *
 * Writes are synchronous, one for all lines of a turn of the event loop: what was logged before a crash is in the file.
 */
export class RotatingFile {
  readonly #path: string
  readonly #options: RotatingFileOptions
  #file: { fd: number; bytes: number } | undefined
  #lines: string[] = []
  #length = 0
  #isScheduled = false
  #dropped = 0
  /** Where it could not be rotated, it is tried again only beyond this. */
  #rotateBeyond: number

  /** @throws a system error when the file cannot be opened */
  constructor(path: string, options: RotatingFileOptions) {
    this.#path = path
    this.#options = options
    this.#rotateBeyond = options.maxBytes
    this.#file = openAppending(path)
  }

  /** Without its line feed. */
  line(text: string): void {
    this.#lines.push(text)
    this.#length += text.length
    if (this.#length >= BATCH_LENGTH) this.flush()
    if (this.#isScheduled || this.#lines.length === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  /** What was given is in the file, or dropped, when this returns. */
  flush(): void {
    const lines = this.#lines
    this.#lines = []
    this.#length = 0
    if (lines.length === 0) return
    const told = this.#dropped > 0 ? [`… ${this.#dropped} log lines dropped: they could not be written`] : []
    try {
      this.#write(Buffer.from(`${[...told, ...lines].join('\n')}\n`))
      this.#dropped = 0
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      this.#dropped += lines.length
    }
  }

  close(): void {
    this.flush()
    this.#close()
  }

  #close(): void {
    if (this.#file) closeSync(this.#file.fd)
    this.#file = undefined
  }

  #write(batch: Buffer): void {
    // Somebody has removed it: a new one is begun, or nobody would ever see the lines.
    if (this.#file && fstatSync(this.#file.fd).nlink === 0) this.#close()
    this.#file ??= openAppending(this.#path)
    if (this.#file.bytes > 0 && this.#file.bytes + batch.length > this.#rotateBeyond) this.#rotate()
    this.#file ??= openAppending(this.#path)
    const { fd, bytes } = this.#file
    try {
      for (let written = 0; written < batch.length; ) written += writeSync(fd, batch, written)
      this.#file.bytes += batch.length
    } catch (error) {
      ftruncateSync(fd, bytes) // half a line is none
      throw error
    }
  }

  #rotate(): void {
    const { keep, maxBytes } = this.#options
    try {
      for (let age = keep; age > 0; age--) renameIfThere(nameOf(this.#path, age - 1), nameOf(this.#path, age))
      this.#rotateBeyond = maxBytes
      this.#close()
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      // Going on with the same file is better than nothing.
      this.#rotateBeyond = (this.#file?.bytes ?? 0) + maxBytes
    }
  }
}

const nameOf = (path: string, age: number): string => (age === 0 ? path : `${path}.${age}`)

/** A pipe of that name would be waited for; a link may lead to a file that is none of ours (neither flag exists on Windows). */
const APPENDING =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  (constants.O_NONBLOCK ?? 0) |
  (constants.O_NOFOLLOW ?? 0)

/** For appending, 0600, made when missing. Throws a system error, `EFTYPE` or `ELOOP` for what is no plain file. */
export function openAppending(path: string): { fd: number; bytes: number } {
  const fd = openSync(path, APPENDING, 0o600)
  try {
    const found: Stats = fstatSync(fd)
    if (!found.isFile()) throw Object.assign(new Error(`not a plain file, open '${path}'`), { code: 'EFTYPE' })
    if ((found.mode & 0o077) !== 0 && process.platform !== 'win32') fchmodSync(fd, 0o600)
    return { fd, bytes: found.size }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}
