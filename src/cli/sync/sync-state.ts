import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { writeFailure } from '../../orchestrator/write-failure.ts'
import { systemCode } from '../../shared/errors.ts'
import type { SyncedFile } from './plan.ts'

/** Between two writes of the file: it is rewritten whole, and a lost second only costs comparing some files again. */
const SAVE_EVERY_MS = 1_000

/** Which two folders are kept the same. */
export type SyncPair = {
  readonly server: string
  readonly workspaceId: string
  readonly prefix: string
  /** Real path. */
  readonly folder: string
}

const stateFile = z.object({
  version: z.literal(1),
  server: z.string(),
  workspaceId: z.string(),
  prefix: z.string(),
  folder: z.string(),
  /** Path, hash of the content, revision on the server. Pairs in a list: a path may be called `__proto__`. */
  files: z.array(z.tuple([z.string(), z.string(), z.string()])),
})

/**
 * What both sides were when they were last the same. Losing it loses no file: without it everything is compared. Two
 * syncs of one pair at once may forget what the other noted, which costs no more.
 */
export class SyncState {
  readonly #path: string
  readonly #pair: SyncPair
  readonly #files: Map<string, SyncedFile>
  #savedMs = Number.NEGATIVE_INFINITY
  #isSaved = true

  private constructor(path: string, pair: SyncPair, files: Map<string, SyncedFile>) {
    this.#path = path
    this.#pair = pair
    this.#files = files
  }

  /** Reads what an earlier sync of the pair left in `<dataDir>/sync`; a file that cannot be understood is none. */
  static async open(dataDir: string, pair: SyncPair): Promise<SyncState> {
    const { server, workspaceId, prefix, folder } = pair
    const key = Bun.SHA256.hash(JSON.stringify([server, workspaceId, prefix, folder]), 'hex').slice(0, 32)
    const path = join(dataDir, 'sync', `${key}.json`)
    return new SyncState(path, pair, new Map((await readEntries(path)).map(([at, ...file]) => [at, entryOf(file)])))
  }

  get files(): ReadonlyMap<string, SyncedFile> {
    return this.#files
  }

  set(path: string, file: SyncedFile): void {
    const known = this.#files.get(path)
    if (known?.hash === file.hash && known.revision === file.revision) return
    this.#files.set(path, file)
    this.#isSaved = false
  }

  delete(path: string): void {
    if (this.#files.delete(path)) this.#isSaved = false
  }

  /** Called after every batch; writes only now and then. Throws `data_dir_unusable` or `disk_full`. */
  async saveSometimes(): Promise<void> {
    if (performance.now() - this.#savedMs >= SAVE_EVERY_MS) await this.save()
  }

  /** Throws `data_dir_unusable` or `disk_full`. */
  async save(): Promise<void> {
    if (this.#isSaved) return
    const files = [...this.#files].map(([path, { hash, revision }]) => [path, hash, revision])
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      await writeFileAtomic(this.#path, `${JSON.stringify({ version: 1, ...this.#pair, files })}\n`, { mode: 0o600 })
    } catch (error) {
      throw writeFailure(this.#path, error)
    }
    this.#isSaved = true
    this.#savedMs = performance.now()
  }
}

const entryOf = ([hash, revision]: readonly [string, string]): SyncedFile => ({ hash, revision })

async function readEntries(path: string): Promise<readonly [string, string, string][]> {
  try {
    return stateFile.safeParse(JSON.parse(await readFile(path, 'utf8'))).data?.files ?? []
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return []
    throw error
  }
}
