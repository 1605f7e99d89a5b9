import { chmodSync, readFileSync, renameSync } from 'node:fs'
import { systemCode } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { randomHex } from '../shared/random-hex.ts'
import { type Secret, secret } from '../shared/secret.ts'
import { writing } from './write-failure.ts'

export type Credentials = {
  /** Client token of the server: a collaborator. */
  token: Secret
  /** Host token of the server: approvals and administration. */
  hostToken: Secret
}

/**
 * The tokens of a workspace's server: what was given, else those of its earlier runs, else new ones, which are kept
 * (0600) so that paired clients stay paired. Given ones are not kept. A file that holds something else is set aside.
 *
 * @throws OpenworkError data_dir_unusable, disk_full
 */
export async function ensureCredentials(
  path: string,
  given: { token: Secret | undefined; hostToken: Secret | undefined },
  log: Pick<Log, 'warn'>,
): Promise<Credentials> {
  if (given.token && given.hostToken) return { token: given.token, hostToken: given.hostToken }
  const own = (await writing(path, () => keptCredentials(path, log))) ?? (await writing(path, () => keepNew(path)))
  return { token: given.token ?? own.token, hostToken: given.hostToken ?? own.hostToken }
}

async function keepNew(path: string): Promise<Credentials> {
  const [token, hostToken] = [crypto.randomUUID(), crypto.randomUUID()]
  // Whoever only reads them waits for no module that writes.
  const { default: writeFileAtomic } = await import('write-file-atomic')
  await writeFileAtomic(path, `${JSON.stringify({ token, hostToken }, null, 2)}\n`, { mode: 0o600 })
  return { token: secret(token), hostToken: secret(hostToken) }
}

function keptCredentials(path: string, log: Pick<Log, 'warn'>): Credentials | undefined {
  const kept = readCredentials(path)
  if (kept === 'unusable') {
    renameSync(path, `${path}.broken`)
    const old = `${path}.broken`
    log.warn('the kept tokens were unusable: new ones are made, and clients have to be paired again', { old })
    return undefined
  }
  if (kept) chmodSync(path, 0o600) // it may have been copied here
  return kept
}

/** User name and password between our own programs and opencode, new for each run. 32 random bytes each, as hex. */
export const newOpencodeCredentials = (): { username: Secret; password: Secret } => ({
  username: secret(randomHex(32)),
  password: secret(randomHex(32)),
})

/** The tokens kept for a workspace; undefined when there are none. */
export function readCredentials(path: string): Credentials | 'unusable' | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const { token, hostToken } = JSON.parse(text) as Record<string, unknown>
    return isToken(token) && isToken(hostToken) ? { token: secret(token), hostToken: secret(hostToken) } : 'unusable'
  } catch {
    return 'unusable' // no JSON, or no object
  }
}

/** What an HTTP header can carry, and long enough not to be found by trying. */
const isToken = (value: unknown): value is string => typeof value === 'string' && /^[\x21-\x7e]{16,}$/.test(value)
