import { z } from 'zod'
import type { HostSession } from '../../api/host.ts'
import { type OpencodeEvent, opencodeClient } from '../../api/opencode-client.ts'
import { MAX_SESSIONS, opencodeSessions } from '../../api/opencode-sessions.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { pause } from '../../supervisor/pause.ts'
import { followEvents } from '../opencode-events.ts'
import type { ObservedHost } from './observed-host.ts'

/** Between two looks: a streaming answer is dozens of events a second. */
const LOOK_EVERY_MS = 500
const RETRY_MS = 1_000
/** Of a directory that is only read in, no event tells. */
const SEARCH_EVERY_MS = 5_000
/** Directories; each is four requests. */
const ASKED_AT_ONCE = 8

/** What may change the list, or the state of a session. */
const ABOUT_SESSIONS = /^(?:session\.(?:created|updated|deleted|status|idle|error)|permission\.|question\.)/

/**
 * Keeps up with the sessions of the directories that opencode has in memory, until `signal` is aborted; `tell` is given
 * the last used ones first, null while opencode does not say. Those of a directory that it has forgotten stay, idle; no
 * other is asked about: that would make its instance, with plugins and MCP servers. Never rejects.
 */
export async function followSessions(
  host: ObservedHost,
  tell: (sessions: HostSession[] | null) => void,
  signal: AbortSignal,
): Promise<void> {
  const found = new Map<string, HostSession[]>()
  let dirty: 'all' | Set<string> = 'all'
  let wake = (): void => {}
  let isKnown = false
  const heard = (event: OpencodeEvent): void => {
    const { type, directory } = event
    if (type === 'server.connected' || type === 'global.disposed') dirty = 'all'
    else if (type === 'server.instance.disposed') {
      const gone = String(event.properties.directory)
      endWork(found, gone)
      if (dirty !== 'all') dirty.delete(gone)
    } else if (!ABOUT_SESSIONS.test(type) || directory === undefined) return
    else if (dirty !== 'all') dirty.add(directory)
    if (isKnown && beginWork(found, event)) tell(newestOf(found))
    wake()
  }
  const following = followEvents(opencodeClient(host.plan.opencode), heard, host.log, signal)
  signal.addEventListener('abort', () => wake(), { once: true })
  while (!signal.aborted) {
    const asked = dirty
    dirty = new Set()
    if (!(await look(host, found, asked))) {
      dirty = 'all'
      isKnown = false
      if (!signal.aborted) tell(null)
      await pause(RETRY_MS, signal)
      continue
    }
    isKnown = true
    if (!signal.aborted) tell(newestOf(found))
    await pause(LOOK_EVERY_MS, signal)
    if (dirty instanceof Set && dirty.size === 0 && !signal.aborted) {
      const quiet = new AbortController()
      wake = () => quiet.abort()
      await pause(SEARCH_EVERY_MS, quiet.signal)
    }
  }
  await following
}

/** Whether opencode said what it was asked. */
async function look(
  host: ObservedHost,
  found: Map<string, HostSession[]>,
  asked: 'all' | ReadonlySet<string>,
): Promise<boolean> {
  const reloads = host.reloads()
  if (!reloads) return false
  try {
    const live = await reloads.directories()
    if (asked === 'all') for (const directory of found.keys()) endWork(found, directory)
    const due = asked === 'all' ? live : [...new Set([...asked, ...live.filter(directory => !found.has(directory))])]
    while (due.length > 0)
      await Promise.all(
        due.splice(0, ASKED_AT_ONCE).map(async directory => {
          found.set(directory, await sessionsOf(host, directory))
        }),
      )
    return true
  } catch (error) {
    if (error instanceof OpenworkError) return false
    throw error
  }
}

/** Nothing can be said of a directory that opencode refuses. */
async function sessionsOf({ plan }: ObservedHost, directory: string): Promise<HostSession[]> {
  try {
    return await opencodeSessions(plan.opencode, directory)
  } catch (error) {
    if (error instanceof OpenworkError && error.code === 'opencode_config_invalid') return []
    throw error
  }
}

/** Whether one of the sessions was heard to begin: opencode answers late just then, for a second and more. */
function beginWork(found: Map<string, HostSession[]>, { type, directory = '', properties }: OpencodeEvent): boolean {
  const { data } = type === 'session.status' ? statusOf.safeParse(properties) : {}
  const sessions = found.get(directory)
  if (!sessions || !data || data.status.type === 'idle') return false
  const begins = ({ id, state }: HostSession): boolean => id === data.sessionID && state === 'idle'
  if (!sessions.some(begins)) return false
  found.set(
    directory,
    sessions.map(session => (begins(session) ? { ...session, state: 'busy' } : session)),
  )
  return true
}

const statusOf = z.looseObject({ sessionID: z.string(), status: z.looseObject({ type: z.string() }) })

/** What was at work there is gone with the instance; asking would make it again. */
function endWork(found: Map<string, HostSession[]>, directory: string): void {
  const sessions = found.get(directory)
  if (sessions)
    found.set(
      directory,
      sessions.map(session => ({ ...session, state: 'idle' })),
    )
}

/** Sessions of a project are listed in each of its folders; how one is, only its own folder's instance knows. */
function newestOf(found: ReadonlyMap<string, HostSession[]>): HostSession[] {
  const byId = new Map<string, HostSession>()
  for (const [directory, sessions] of found)
    for (const session of sessions)
      if (session.directory === directory || !byId.has(session.id)) byId.set(session.id, session)
  return [...byId.values()].sort((a, b) => b.updatedAt - a.updatedAt).slice(0, MAX_SESSIONS)
}
