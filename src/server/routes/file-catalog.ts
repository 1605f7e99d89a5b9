import {
  catalogPage,
  catalogQuery,
  fileEvents,
  fileEventsQuery,
  fileStreamEvents,
  fileStreamQuery,
} from '../../api/catalog.ts'
import { ok } from '../../http/route.ts'
import { follow, parseEventId } from '../file-index/follow.ts'
import { requireSession, SESSION_FAILS } from '../files/require-session.ts'
import { parseRelativePath, requireFolder } from '../files/safe-path.ts'
import { eventRoute, route } from '../services.ts'

const FAILS = [...SESSION_FAILS, 'forbidden', 'workspace_not_a_folder'] as const

export const readCatalog = route({
  method: 'GET',
  path: '/files/sessions/:sessionId/catalog/snapshot',
  summary: 'The files of a workspace, page by page, in the byte order of their paths',
  access: { auth: 'client' },
  query: catalogQuery,
  reply: ok(catalogPage),
  fails: [...FAILS, 'invalid_path'],
  handle: async ({ query, ...call }, services) => {
    const { session, workspace } = requireSession(services, call)
    requireFolder(workspace)
    const index = services.fileIndexes.of(workspace)
    const { items, total, truncated, cursor, isDegraded } = await index.page({
      ...query,
      prefix: parsePrefix(query.prefix),
      after: query.after || undefined,
    })
    const last = items.at(-1)
    return {
      sessionId: session.id,
      workspaceId: workspace.id,
      generatedAt: Date.now(),
      cursor,
      epoch: index.epoch,
      total,
      truncated,
      ...(truncated && last && { nextAfter: last.path }),
      items,
      ...(isDegraded && { degraded: true as const }),
    }
  },
})

export const listFileEvents = route({
  method: 'GET',
  path: '/files/sessions/:sessionId/catalog/events',
  summary: 'Changes of files behind a sequence number, waited for when there are none',
  access: { auth: 'client' },
  query: fileEventsQuery,
  reply: ok(fileEvents),
  fails: FAILS,
  handle: async ({ query, signal, keepOpen, stillAdmitted, ...call }, services) => {
    const { workspace } = requireSession(services, call)
    requireFolder(workspace)
    const index = services.fileIndexes.of(workspace)
    await index.ready()
    const position = { epoch: query.epoch, seq: query.since }
    if (query.wait > 0 && !index.eventsSince(position).reset) {
      keepOpen()
      await index.behind(query.since, AbortSignal.any([signal, AbortSignal.timeout(query.wait * 1000)]))
      await stillAdmitted()
      requireSession(services, call)
    }
    const { epoch, cursor, oldestSeq } = index
    return { ...index.eventsSince(position), epoch, cursor, oldestSeq }
  },
})

export const streamFileEvents = eventRoute({
  method: 'GET',
  path: '/files/sessions/:sessionId/catalog/stream',
  summary: 'Changes of files as they come; those missed since `Last-Event-ID` first',
  access: { auth: 'client' },
  query: fileStreamQuery,
  events: fileStreamEvents,
  fails: FAILS,
  handle: async ({ query, signal, lastEventId, ...call }, services) => {
    const { workspace } = requireSession(services, call)
    requireFolder(workspace)
    const index = services.fileIndexes.of(workspace)
    await index.ready()
    const asked = query.since === undefined ? undefined : { epoch: query.epoch, seq: query.since }
    const from = lastEventId ? parseEventId(lastEventId) : asked
    return follow(index, { from, signal, check: () => void requireSession(services, call) })
  },
})

/** Blank, `.` and `/` mean everything. Throws `invalid_path`. */
function parsePrefix(given = ''): string | undefined {
  return /^[\s./\\]*$/.test(given) && !given.includes('..') ? undefined : parseRelativePath(given)
}
