import { constants } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { isNoPlainFile, openPlainFile } from '../../shared/plain-file.ts'

/** Old entries go first; a sidecar folder knows a handful of files. */
const MAX_ENTRIES = 64
const MAX_STORE_BYTES = 256 * 1024

type Entry = { fingerprint: string; fact: string }

/**
 * Remembers what was learned about a file by reading or running all of it, for as long as the file stays the same one:
 * device, inode, size, and both times to the nanosecond. The change time is what counts against someone who may write
 * the file: unlike the modification time it cannot be put back.
 */
export class KnownFiles {
  readonly #store: string

  /** @param store a JSON file, 0600; one that others could have written is not believed */
  constructor(store: string) {
    this.#store = store
  }

  /**
   * The fact about the file at `path`: from memory, else from `learn`, whose answer is kept unless the file changed
   * meanwhile or nothing was learned (undefined). Throws what stat and `learn` throw; a store that cannot be written
   * only costs the next start its time.
   */
  async know<Fact extends string | undefined>(path: string, learn: () => Promise<Fact>): Promise<Fact | string> {
    const before = await fingerprint(path)
    const remembered = (await this.#read()).get(path)
    if (remembered?.fingerprint === before) return remembered.fact
    const fact = await learn()
    if (fact !== undefined && (await fingerprint(path)) === before)
      await this.#remember(path, { fingerprint: before, fact })
    return fact
  }

  /** For a file whose content turned out to be another one, although nothing of it seems to have changed. */
  async forget(path: string): Promise<void> {
    const entries = await this.#read()
    if (entries.delete(path)) await this.#write(entries)
  }

  async #remember(path: string, entry: Entry): Promise<void> {
    // Read again: another start may have written meanwhile. What a race still loses is learned again.
    const entries = await this.#read()
    entries.delete(path)
    entries.set(path, entry)
    await this.#write(entries)
  }

  async #write(entries: ReadonlyMap<string, Entry>): Promise<void> {
    const kept = Object.fromEntries([...entries].slice(-MAX_ENTRIES))
    try {
      await mkdir(dirname(this.#store), { recursive: true, mode: 0o700 })
      const { default: writeFileAtomic } = await import('write-file-atomic')
      await writeFileAtomic(this.#store, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 })
    } catch (error) {
      if (
        !['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR'].includes(
          systemCode(error) ?? '',
        )
      )
        throw error
    }
  }

  async #read(): Promise<Map<string, Entry>> {
    let text: string
    try {
      text = await readOwnFile(this.#store)
    } catch (error) {
      if (isNoPlainFile(error)) return new Map()
      if (['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR'].includes(systemCode(error) ?? '')) return new Map()
      throw error
    }
    return parseEntries(text)
  }
}

/** Empty unless it is of reasonable size and only we can write it. Links are not followed. Throws what `openPlainFile` throws. */
export async function readOwnFile(path: string): Promise<string> {
  await using file = await openPlainFile(path, { flags: constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) })
  const { uid, mode, size } = await file.stat()
  const isOurs = process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0)
  return isOurs && size > 0 && size <= MAX_STORE_BYTES ? await file.readFile('utf8') : ''
}

/** Anything unexpected counts as not remembered. */
function parseEntries(text: string): Map<string, Entry> {
  let stored: unknown
  try {
    stored = JSON.parse(text)
  } catch {
    return new Map() // empty, or damaged: it is only a memory
  }
  const entries = new Map<string, Entry>()
  for (const [path, entry] of Object.entries(typeof stored === 'object' && stored !== null ? stored : {})) {
    if (typeof entry !== 'object' || entry === null) continue
    const { fingerprint, fact } = entry as Record<string, unknown>
    if (typeof fingerprint === 'string' && typeof fact === 'string') entries.set(path, { fingerprint, fact })
  }
  return entries
}

async function fingerprint(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}
