import { constants, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { systemCode } from '../../shared/errors.ts'
import { openPlainFile } from '../../shared/plain-file.ts'
import { LineReader } from './line-reader.ts'

/** More than any log of ours keeps: `<path>.9` is the oldest that is looked for. */
const MAX_AGE = 9

type OpenFile = { ino: number; stats: () => Promise<Stats>; reader: LineReader; close: () => Promise<void> }

/**
 * A log in `<path>` and the older files `<path>.1`, `<path>.2`, … (`RotatingFile`), read as one, in pieces, also while it is
 * written and rotated: no line is missed or read twice. Lines come many at a time, oldest first.
 */
export class RotatedLog implements AsyncDisposable {
  readonly #path: string
  /** Oldest first. */
  #files: OpenFile[]

  private constructor(path: string, files: OpenFile[]) {
    this.#path = path
    this.#files = files
  }

  /** Files that were last written before `sinceMs` are left out. The caller disposes of it. */
  static async open(path: string, { sinceMs = 0 }: { sinceMs?: number | undefined } = {}): Promise<RotatedLog> {
    return new RotatedLog(path, await openFiles(path, async file => (await file.stats()).mtimeMs < sinceMs))
  }

  /** What is in it now, without the last line while that has no end. To be called once. */
  async *lines(): AsyncGenerator<string[]> {
    for (const file of [...this.#files]) yield* file === this.#files.at(-1) ? file.reader.lines() : wholeFile(file)
  }

  /** The last `count` of `select`ed things among its lines, read no further back than that takes. Instead of `lines`. */
  async last<Item>(count: number, select: (lines: string[]) => Item[]): Promise<Item[]> {
    const newest = this.#files.at(-1)
    let found: Item[] = []
    for (const file of this.#files.toReversed()) {
      const wanted = count - found.length
      if (wanted <= 0 && file !== newest) break
      let items: Item[] = []
      for await (const lines of file === newest ? file.reader.lines() : wholeFile(file)) {
        items.push(...select(lines))
        if (items.length > 2 * wanted) items = lastOf(wanted, items)
      }
      found = [...lastOf(wanted, items), ...found]
    }
    return found
  }

  /** What was written since the last call of this or the others. */
  async *newer(): AsyncGenerator<string[]> {
    const before = this.#files
    const known = before.at(-1)
    const newer = await this.#newerFiles(known)
    if (newer.length === 0) {
      if (known) yield* known.reader.lines()
      return
    }
    this.#files = newer // at once: whoever reads may stop at any line, and all are closed then
    try {
      // Whoever rotates it has written the last line to the old one before.
      if (known) yield* wholeFile(known)
      for (const file of newer) yield* file === newer.at(-1) ? file.reader.lines() : wholeFile(file)
    } finally {
      await closeAll(before)
    }
  }

  /** The last line, where it has no end: of a log that nobody writes any more. */
  takeRest(): string | undefined {
    return this.#files.at(-1)?.reader.takeRest()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#files)
    this.#files = []
  }

  async #newerFiles(known: OpenFile | undefined): Promise<OpenFile[]> {
    const ino = await inodeOf(this.#path)
    if (ino === undefined || ino === known?.ino) return []
    const lastWritten = known && (await known.stats()).mtimeMs
    let isKnownSeen = false
    return await openFiles(this.#path, async file => {
      isKnownSeen ||= file.ino === known?.ino
      // Where the known one was removed, what was written before it is older all the same.
      return isKnownSeen || (await file.stats()).mtimeMs < (lastWritten ?? 0)
    })
  }
}

async function* wholeFile({ reader }: OpenFile): AsyncGenerator<string[]> {
  yield* reader.lines()
  const rest = reader.takeRest()
  if (rest !== undefined) yield [rest]
}

/**
 * From the newest to the oldest: a file that is renamed meanwhile is met again under its next name, never missed. The first
 * one that is too old ends it.
 */
async function openFiles(path: string, isTooOld: (file: OpenFile) => Promise<boolean>): Promise<OpenFile[]> {
  const files: OpenFile[] = []
  try {
    for (let age = 0; age <= MAX_AGE; age++) {
      const file = await openFile(age === 0 ? path : `${path}.${age}`)
      if (!file) continue
      const isSeen = files.some(({ ino }) => ino === file.ino)
      if (!isSeen && !(await isTooOld(file))) files.unshift(file)
      else {
        await file.close()
        if (!isSeen) break
      }
    }
    return files
  } catch (error) {
    await closeAll(files)
    throw error
  }
}

async function openFile(path: string): Promise<OpenFile | undefined> {
  try {
    const file = await openPlainFile(path, { flags: constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) })
    try {
      const { ino } = await file.stat()
      return { ino, stats: () => file.stat(), reader: new LineReader(file), close: () => file.close() }
    } catch (error) {
      await file.close()
      throw error
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const closeAll = async (files: readonly OpenFile[]): Promise<void> => {
  await Promise.all(files.map(file => file.close()))
}

/** The last `count` of them. */
export const lastOf = <Item>(count: number, items: readonly Item[]): Item[] =>
  items.slice(Math.max(0, items.length - count))
