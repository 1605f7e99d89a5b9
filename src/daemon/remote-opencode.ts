import { z } from 'zod'
import { type DaemonWorkspace, opencodePath } from '../api/daemon.ts'
import { directoryParam } from '../api/opencode-directory.ts'
import { parseOrUndefined, readAnswer } from '../api/request.ts'
import { messageOf, OpenworkError, systemCode } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import { basicAuth } from '../shared/url.ts'
import type { KeptCredentials } from './remote-credentials.ts'
import type { RemoteCredentials } from './workspace-id.ts'

const LIMIT_MS = 5_000
/** Five paths, or a word. */
const MAX_ANSWER_BYTES = 1024 * 1024

/**
 * Calls of the opencode of a remote workspace. It gets its own credentials, if it has any, and never others; nor does
 * whom it points at. Throws `opencode_unreachable`, `opencode_invalid_answer`.
 */
export class RemoteOpencodes {
  readonly #credentials: Pick<KeptCredentials, 'of'>

  constructor(credentials: Pick<KeptCredentials, 'of'>) {
    this.#credentials = credentials
  }

  path(workspace: DaemonWorkspace): Promise<z.infer<typeof opencodePath>> {
    return ask(workspace, this.#credentials.of(workspace.id), { method: 'GET', path: '/path' }, opencodePath)
  }

  dispose(workspace: DaemonWorkspace): Promise<boolean> {
    return ask(
      workspace,
      this.#credentials.of(workspace.id),
      { method: 'POST', path: '/instance/dispose' },
      z.boolean(),
    )
  }
}

async function ask<Result>(
  { baseUrl = '', directory }: DaemonWorkspace,
  credentials: RemoteCredentials | undefined,
  { method, path }: { method: 'GET' | 'POST'; path: string },
  reply: z.ZodType<Result>,
): Promise<Result> {
  const url = new URL(`${baseUrl}${path}`)
  if (directory !== undefined) url.searchParams.set('directory', directoryParam(directory))
  let answer: { status: number; text: string }
  try {
    const response = await fetch(url, {
      method,
      headers: credentials ? { authorization: basicAuth(credentials.username, credentials.password).reveal() } : {},
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT_MS),
      ...fetchRoute(url),
    })
    answer = { status: response.status, text: await readAnswer(url.href, response, MAX_ANSWER_BYTES) }
  } catch (cause) {
    if (cause instanceof OpenworkError) throw tooLong(baseUrl, cause)
    throw unreachable(baseUrl, cause)
  }
  const parsed = answer.status === 200 ? reply.safeParse(parseOrUndefined(answer.text)) : undefined
  if (parsed?.success) return parsed.data
  throw new OpenworkError(
    'opencode_invalid_answer',
    `${baseUrl} gave no answer of an opencode (status ${answer.status})`,
    {
      hint:
        answer.status === 401
          ? 'Add it again with its user name and password.'
          : 'Check the URL: it is that of an opencode, without a path of its API.',
      details: { target: baseUrl, status: answer.status },
    },
  )
}

const tooLong = (target: string, cause: OpenworkError): OpenworkError =>
  new OpenworkError(
    'opencode_invalid_answer',
    `${target} gave no answer of an opencode: it is longer than ${MAX_ANSWER_BYTES} bytes`,
    { hint: 'Check the URL: something else may listen there.', details: { target }, cause },
  )

function unreachable(target: string, cause: unknown): OpenworkError {
  const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError'
  const reason = timedOut ? `no answer within ${LIMIT_MS} ms` : (systemCode(cause) ?? messageOf(cause))
  return new OpenworkError('opencode_unreachable', `Cannot reach ${target}: ${reason}`, {
    cause,
    details: { target, reason },
  })
}
