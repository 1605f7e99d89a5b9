import { randomBytes } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { writing } from '../orchestrator/write-failure.ts'
import { systemCode } from '../shared/errors.ts'
import { readPlainFile } from '../shared/plain-file.ts'
import { type Secret, secret } from '../shared/secret.ts'

const TOKEN = /^[0-9a-f]{64}$/

/**
 * The bearer token of a data dir's daemon: that of its earlier lives, else a new one.
 * @throws OpenworkError disk_full, data_dir_unusable
 */
export async function ensureToken(path: string): Promise<Secret> {
  const kept = await writing(path, () => readToken(path))
  if (kept) {
    await writing(path, () => chmod(path, 0o600)) // it may have been copied here
    return kept
  }
  const token = randomBytes(32).toString('hex')
  await writing(path, () => writeFileAtomic(path, `${token}\n`, { mode: 0o600 }))
  return secret(token)
}

/** Undefined when there is none, or something else in its place. */
export async function readToken(path: string): Promise<Secret | undefined> {
  try {
    const text = (await readPlainFile(path, { maxBytes: 1024 })).trim()
    return TOKEN.test(text) ? secret(text) : undefined
  } catch (error) {
    if (['ENOENT', 'EFBIG'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
}
