import { askServer } from '../api/request.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Context } from './kit/context.ts'
import { list, text } from './kit/flags.ts'
import { clientFlags, connect } from './server-connection.ts'
import { tellOfWaiting } from './waiting-for-approval.ts'

/** A change may wait for its approval, and a batch of megabytes for a slow line. */
const TIMEOUT_MS = 120_000

/** Flags of every `files` command. */
export const sessionFlags = {
  ...clientFlags,
  sessionId: text({ perCall: true, summary: 'File session; then no word of the command line is one' }),
}

export const SESSION_ARGUMENT = {
  summary: 'File session, from `openwork files session create`',
  optional: true,
} as const

export type Connection = Parameters<typeof connect>[0]

/** What a server says is shown as it is: keys we do not know are kept. Loads while the server is asked. */
async function reply() {
  const { z } = await import('zod')
  return z.looseObject({ items: z.array(z.looseObject({ ok: z.boolean().optional() })).optional() })
}

/**
 * One request of a `files` command; a change may have to wait for its approval. The server's answer is the result, JSON in both modes; resolves to the exit code: 1
 * when an item of it failed. Throws as `connect` and `OpenworkClient`.
 */
export async function askFiles(
  values: Connection,
  context: Context,
  ask: { method: 'GET' | 'POST' | 'DELETE'; path: string; body?: unknown },
  { isChange = false } = {},
): Promise<number> {
  const { url, token } = await connect(values, context, { as: 'client' })
  const server = { baseUrl: url, token }
  const answered = askServer({ ...server, timeoutMs: TIMEOUT_MS }, ask, reply)
  const answer = await (isChange ? tellOfWaiting(answered, server, context) : answered)
  context.output.result(answer, () => JSON.stringify(answer, null, 2))
  return answer.items?.some(item => item.ok === false) ? 1 : 0
}

/**
 * The session, and the words that are left for paths: the first word is the session unless a flag names it. Throws
 * `missing_argument`.
 */
export function sessionOf(
  { sessionId }: { sessionId: string | undefined },
  words: readonly (string | undefined)[],
): { path: string; rest: readonly string[] } {
  const given = words.filter(word => word !== undefined)
  const [id, ...rest] = sessionId === undefined ? given : [sessionId, ...given]
  if (id === undefined)
    throw new OpenworkError('missing_argument', 'Which file session is not said', {
      hint: 'Open one with `openwork files session create`, and pass its id.',
    })
  return { path: `/files/sessions/${encodeURIComponent(id)}`, rest }
}

/** Flags of the commands that take several paths. */
export const pathsFlags = {
  path: text({ perCall: true, summary: 'Path in the workspace' }),
  paths: list({ perCall: true, summary: 'Several of them' }),
}

/** Exactly one of: the flag, the word. Throws `missing_argument` or `unexpected_argument`. */
export function onePath(flag: string | undefined, words: readonly string[], what: string): string {
  const [path, extra] = flag === undefined ? words : [flag, ...words]
  if (path === undefined) throw new OpenworkError('missing_argument', `${what} is not said`)
  if (extra === undefined) return path
  throw new OpenworkError('unexpected_argument', `"${extra}" is one path too many`)
}

/** `--paths` wins over `--path`, which wins over words. Throws `missing_argument`. */
export function severalPaths(
  { paths, path }: { paths: readonly string[] | undefined; path: string | undefined },
  words: readonly string[],
): readonly string[] {
  const chosen = paths ?? (path === undefined ? words : [path])
  if (chosen.length > 0) return chosen
  throw new OpenworkError('missing_argument', 'No path is said', { hint: 'Pass some, or --paths "a.md,b.md".' })
}
