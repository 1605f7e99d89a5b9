import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemCode } from '../shared/errors.ts'

const CHUNK_BYTES = 64 * 1024
/** A longer line is none of ours and is passed over. */
const MAX_LINE_BYTES = 1024 * 1024
const NEWLINE = 0x0a
/** Windows has no such flag, and no pipes in its folders. */
const NONBLOCK = constants.O_NONBLOCK ?? 0

export type JournalLimits = {
  /** A file that would grow longer is put aside first. */
  maxBytes: number
  /** How many of those put aside are kept, the newest. */
  keep: number
}

/**
 * A file of lines that only grows, for its owner alone. Lines stay whole whoever else appends, and what a crash tore
 * stays a line of its own. Files put aside are called `<name>.<ms>-<random>`: unlike with numbers that move up, two
 * processes that put aside at once cannot overwrite each other's.
 */
export class Journal {
  readonly #path: string
  readonly #limits: JournalLimits
  #waiting: string[] = []
  /** The write in work, and the one that begins after it for all lines given meanwhile. */
  #current: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #putAsideMs = 0

  constructor(path: string, limits: JournalLimits) {
    this.#path = path
    this.#limits = limits
  }

  /** Resolves when the lines are handed to the system: they survive our death, not that of the machine. */
  append(lines: readonly string[]): Promise<void> {
    this.#waiting.push(...lines)
    this.#next ??= this.#current.then(() => {
      const text = this.#waiting.map(line => `${line}\n`).join('')
      this.#waiting = []
      this.#next = undefined
      const write = this.#write(text)
      this.#current = write.catch(() => {}) // whoever gave the lines hears of it
      return write
    })
    return this.#next
  }

  /** Resolves when everything given is handed to the system, or was refused by it. */
  async flush(): Promise<void> {
    await this.#next?.catch(() => {}) // as above
    await this.#current
  }

  /** The lines, last one first, without loading the files; those given before are among them. */
  async *linesFromEnd(): AsyncGenerator<string> {
    await this.flush()
    const current = await openOrUndefined(this.#path)
    let read: number | undefined
    let putAside: string[]
    try {
      // In this order: what is put aside from here on is the file that is open already.
      putAside = await this.#putAside()
      read = (await current?.stat())?.ino
      if (current) yield* linesOf(current)
    } finally {
      await current?.close()
    }
    for (const path of putAside) {
      const file = await openOrUndefined(path)
      if (!file) continue // too old by now
      try {
        if ((await file.stat()).ino !== read) yield* linesOf(file)
      } finally {
        await file.close()
      }
    }
  }

  async #write(text: string): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    let file = await openToAppend(this.#path)
    try {
      const { size } = await file.stat()
      if (size > 0 && size + Buffer.byteLength(text) > this.#limits.maxBytes) {
        await file.close()
        await this.#startAnew()
        file = await openToAppend(this.#path)
      }
      await file.appendFile((await endsTorn(file)) ? `\n${text}` : text)
    } finally {
      await file.close()
    }
  }

  async #startAnew(): Promise<void> {
    this.#putAsideMs = Math.max(Date.now(), this.#putAsideMs + 1)
    try {
      await rename(this.#path, `${this.#path}.${this.#putAsideMs}-${randomBytes(4).toString('hex')}`)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error // another process was faster
    }
    for (const path of (await this.#putAside()).slice(this.#limits.keep)) await rm(path, { force: true })
  }

  /** Newest first. */
  async #putAside(): Promise<string[]> {
    const folder = dirname(this.#path)
    const prefix = `${basename(this.#path)}.`
    const names = await readdir(folder).catch(error => {
      if (systemCode(error) === 'ENOENT') return []
      throw error
    })
    return names
      .flatMap(name => {
        const putAsideMs = name.startsWith(prefix)
          ? /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1]
          : undefined
        return putAsideMs === undefined ? [] : [{ name, putAsideMs: Number(putAsideMs) }]
      })
      .sort((a, b) => b.putAsideMs - a.putAsideMs)
      .map(({ name }) => join(folder, name))
  }
}

/** The lines of somebody else's file, last one first; none when there is none. Follows no link, waits for no pipe. */
export async function* fileLinesFromEnd(path: string): AsyncGenerator<string> {
  const file = await openOrUndefined(path, constants.O_NOFOLLOW)
  if (!file) return
  try {
    yield* linesOf(file)
  } finally {
    await file.close()
  }
}

/** Last one first, empty ones left out. */
async function* linesOf(file: FileHandle): AsyncGenerator<string> {
  const stat = await file.stat()
  if (!stat.isFile()) return
  let start = stat.size
  /** Of the line whose beginning is not read yet: its parts, in order. */
  let parts: Buffer[] = []
  while (start > 0) {
    const length = Math.min(CHUNK_BYTES, start)
    start -= length
    const chunk = Buffer.alloc(length)
    const { bytesRead } = await file.read(chunk, 0, length, start)
    let end = bytesRead
    for (;;) {
      const newline = end === 0 ? -1 : chunk.lastIndexOf(NEWLINE, end - 1)
      if (newline === -1) break
      yield* lineOf([chunk.subarray(newline + 1, end), ...parts])
      parts = []
      end = newline
    }
    // Beyond the limit the parts are only counted: one more byte than allowed says as much as a gigabyte.
    if (bytesOf(parts) <= MAX_LINE_BYTES) parts.unshift(chunk.subarray(0, end))
  }
  yield* lineOf(parts)
}

function* lineOf(parts: readonly Buffer[]): Generator<string> {
  const bytes = bytesOf(parts)
  if (bytes > 0 && bytes <= MAX_LINE_BYTES) yield Buffer.concat(parts).toString()
}

const bytesOf = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0)

/** Waits for no pipe. */
async function openOrUndefined(path: string, flags = 0): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | NONBLOCK | flags)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined
    throw error
  }
}

/** Throws for what is no file: the lines would go to whoever reads the pipe. */
async function openToAppend(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | NONBLOCK, 0o600)
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new Error(`${path} is no regular file`)
}

/** Whether the last line has no end: its writer was killed, or the disk was full. */
async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== NEWLINE
}
