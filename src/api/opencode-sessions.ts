import { z } from 'zod'
import type { HostSession } from './host.ts'
import { askOpencode, type OpencodeClientOptions } from './opencode-client.ts'

export const MAX_SESSIONS = 200
const LIMIT_MS = 5_000

const session = z.looseObject({
  id: z.string(),
  title: z.string(),
  directory: z.string(),
  parentID: z.string().optional(),
  time: z.looseObject({ updated: z.number() }),
})
const states = z.record(z.string(), z.looseObject({ type: z.string() }))
const asked = z.array(z.looseObject({ sessionID: z.string() }))

/**
 * The sessions of a directory, the last used first. Those that an agent has begun for a part of its work are not listed:
 * what they do counts for the one that they belong to. Throws as `OpencodeClient` does, and makes the directory's instance
 * where there is none.
 */
export async function opencodeSessions(options: OpencodeClientOptions, directory: string): Promise<HostSession[]> {
  const ask = <Result>(path: string, reply: z.ZodType<Result>): Promise<Result> =>
    askOpencode(options, { method: 'GET', path, directory, limitMs: LIMIT_MS }, reply)
  const [all, status, permissions, questions] = await Promise.all([
    ask(`/session?limit=${MAX_SESSIONS}`, z.array(session)),
    ask('/session/status', states),
    ask('/permission', asked),
    ask('/question', asked),
  ])
  const byId = new Map(all.map(each => [each.id, each]))
  const rootOf = (id: string): string => {
    const parent = byId.get(id)?.parentID
    return parent === undefined || !byId.has(parent) ? id : rootOf(parent)
  }
  const waiting = new Set([...permissions, ...questions].map(({ sessionID }) => rootOf(sessionID)))
  const busy = new Set(Object.keys(status).flatMap(id => (status[id]?.type === 'idle' ? [] : rootOf(id))))
  return all
    .filter(({ id, parentID }) => parentID === undefined || rootOf(id) === id)
    .map(({ id, title, directory, time }) => ({
      id,
      title,
      directory,
      state: waiting.has(id) ? 'waiting' : busy.has(id) ? 'busy' : 'idle',
      updatedAt: time.updated,
    }))
}
