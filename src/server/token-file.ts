import { chmod, copyFile, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { scope, TOKEN_KINDS } from '../api/tokens.ts'
import { systemCode } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'

/** A token as it is kept: its hash, never itself. */
const tokenRecord = z.object({
  id: z.string().min(1),
  /** SHA-256 of the token, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  scope,
  createdAt: z.number(),
  label: z.string().optional(),
  /** Absent in files of earlier versions. */
  kind: z.enum(TOKEN_KINDS).default('issued'),
  /** When it was last used, to the minute. */
  lastSeenAt: z.number().optional(),
  /** From then on it is refused. */
  expiresAt: z.number().optional(),
  /** The server process that issued it, so that a later one can tell whether it still runs. */
  issuer: z.object({ host: z.string(), pid: z.number().int().positive() }).optional(),
})
export type TokenRecord = z.infer<typeof tokenRecord>

const tokenFile = z.object({ tokens: z.array(z.unknown()) })

/** Changes whenever another process replaces the file. */
export type FileStamp = string

/** The stamp of a file, `absent` when there is none. */
export async function fileStamp(path: string): Promise<FileStamp> {
  try {
    const { ino, mtimeMs, size } = await stat(path)
    return `${ino}:${mtimeMs}:${size}`
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'absent'
    throw error
  }
}

/**
 * The records of a token file, newest first; none when there is no file. Records that are not tokens are left out, a
 * file that is not JSON counts as empty: both are said in a warning, and a copy of the file is kept beside it first,
 * because the next change would write over it. A file that is there and cannot be read is a system error.
 */
export async function readTokenFile(path: string, log: Log): Promise<TokenRecord[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
  await keepPrivate(path, log)
  const file = tokenFile.safeParse(parseOrUndefined(text))
  if (!file.success) {
    log.warn(`The token store ${path} is not valid and counts as empty${await keepCopy(path)}`)
    return []
  }
  const records = file.data.tokens.flatMap(entry => {
    const record = tokenRecord.safeParse(entry)
    return record.success ? [record.data] : []
  })
  const bad = file.data.tokens.length - records.length
  if (bad > 0) log.warn(`${bad} entries of the token store ${path} are not valid and left out${await keepCopy(path)}`)
  return records
}

/** Replaces the file in one step: a reader sees the old or the new one, also after a crash. */
export async function writeTokenFile(path: string, tokens: readonly TokenRecord[], nowMs: number): Promise<void> {
  // Only now: most runs of most programs that import this never write.
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const content = { schemaVersion: 1, updatedAt: nowMs, tokens }
  await writeFileAtomic(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
}

export const ensureTokenFolder = (path: string): Promise<unknown> =>
  mkdir(dirname(path), { recursive: true, mode: 0o700 })

/** Files of earlier versions were readable by everyone. */
async function keepPrivate(path: string, log: Log): Promise<void> {
  const { mode } = await stat(path)
  if ((mode & 0o077) === 0 || process.platform === 'win32') return
  await chmod(path, 0o600).catch(error =>
    log.warn(`The token store ${path} is readable by others (${systemCode(error)} on closing it)`),
  )
}

async function keepCopy(path: string): Promise<string> {
  const copy = `${path}.invalid`
  try {
    await copyFile(path, copy)
    return `; a copy is in ${copy}`
  } catch (error) {
    return `; no copy could be made (${systemCode(error)})`
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // reported by the caller as a file that is not valid
  }
}
