import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import writeFileAtomic from 'write-file-atomic'
import { systemCode } from '../shared/errors.ts'
import { reveal, type Secret, secret } from '../shared/secret.ts'
import { writing } from './write-failure.ts'

export type Credentials = {
  /** Client token of the server: a collaborator. */
  token: Secret
  /** Host token of the server: approvals and administration. */
  hostToken: Secret
}

/**
 * The tokens of a workspace's server: what was given, else those of its earlier runs, else new ones, which are kept
 * (0600) so that paired clients stay paired. Given ones are not kept.
 */
export async function ensureCredentials(
  path: string,
  given: { token: Secret | undefined; hostToken: Secret | undefined },
): Promise<Credentials> {
  const kept = readCredentials(path)
  const own = { token: reveal(kept?.token ?? randomUUID()), hostToken: reveal(kept?.hostToken ?? randomUUID()) }
  const isNeeded = !given.token || !given.hostToken
  if (isNeeded && !kept) {
    await writing(path, () => writeFileAtomic(path, `${JSON.stringify(own, null, 2)}\n`, { mode: 0o600 }))
  }
  return { token: given.token ?? secret(own.token), hostToken: given.hostToken ?? secret(own.hostToken) }
}

/** User name and password between our own programs and opencode, new for each run. 32 random bytes each, as hex. */
export const newOpencodeCredentials = (): { username: Secret; password: Secret } => ({
  username: secret(randomBytes(32).toString('hex')),
  password: secret(randomBytes(32).toString('hex')),
})

/** The tokens kept for a workspace, if there are any. */
export function readCredentials(path: string): Credentials | undefined {
  try {
    const kept: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof kept !== 'object' || kept === null) return undefined
    const { token, hostToken } = kept as Record<string, unknown>
    return isToken(token) && isToken(hostToken) ? { token: secret(token), hostToken: secret(hostToken) } : undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined // none yet, or unusable: made anew
    throw error
  }
}

const isToken = (value: unknown): value is string => typeof value === 'string' && value.length >= 16
