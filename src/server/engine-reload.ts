import { directoryParam } from '../api/opencode-directory.ts'
import { OpenworkError } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import { directoryHeader, type Engine, opencodeUrl, unreachable } from './opencode-target.ts'

/** A tenth of a second when measured; a busy machine may need more. */
const LIMIT_MS = 15_000

/** What opencode says of its refusal is passed on so far. */
const MAX_ANSWER_LENGTH = 2_000

/**
 * Has an opencode drop what it holds of its folder in memory; the next request makes it read the files anew. Throws
 * `opencode_reload_failed` (details `status`, `body`) when it refuses, `opencode_unreachable` when it does not answer.
 */
export async function reloadEngine(engine: Engine): Promise<void> {
  const { baseUrl, credentials, directory } = engine
  const url = opencodeUrl(baseUrl, '/instance/dispose', '')
  if (directory !== undefined) url.searchParams.set('directory', directoryParam(directory))
  let answer: { status: number; body: string }
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...credentials,
        ...(directory !== undefined && { 'x-opencode-directory': directoryHeader(directory) }),
      },
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT_MS),
      ...fetchRoute(url),
    })
    answer = { status: response.status, body: (await response.text()).slice(0, MAX_ANSWER_LENGTH) }
  } catch (cause) {
    throw unreachable(engine, cause)
  }
  if (answer.status >= 200 && answer.status < 300) return
  throw new OpenworkError('opencode_reload_failed', `opencode refused to reload, with status ${answer.status}`, {
    details: answer,
  })
}
