import { createHash } from 'node:crypto'
import { OpenworkError } from '../shared/errors.ts'
import { type Secret, secret } from '../shared/secret.ts'

const idOf = (key: string): string => `ws-${createHash('sha1').update(key).digest('hex').slice(0, 12)}`

/** @param path absolute, real */
export const localWorkspaceId = (path: string): string => idOf(path)

/** @param baseUrl as `parseRemoteUrl` makes it */
export const remoteWorkspaceId = (baseUrl: string, directory: string | undefined): string =>
  idOf(directory === undefined ? baseUrl : `${baseUrl}::${directory}`)

export type RemoteCredentials = { username: Secret; password: Secret }

/**
 * A base URL in the one form that all of its spellings have, and the credentials that stood in it.
 * @throws OpenworkError invalid_payload
 */
export function parseRemoteUrl(given: string): { baseUrl: string; credentials: RemoteCredentials | undefined } {
  const url = URL.canParse(given) ? new URL(given) : undefined
  // Not repeated: a password may stand in it.
  if (!url || !/^https?:$/.test(url.protocol))
    throw new OpenworkError('invalid_payload', 'baseUrl: an http or https URL is needed')
  if (url.search !== '' || url.hash !== '')
    throw new OpenworkError('invalid_payload', 'baseUrl: it ends before the question mark, and before the #')
  const { username, password } = url
  const credentials =
    username === '' && password === ''
      ? undefined
      : { username: secret(decoded(username)), password: secret(decoded(password)) }
  return { baseUrl: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, credentials }
}

/** A lone percent sign stands for itself, as in browsers. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
