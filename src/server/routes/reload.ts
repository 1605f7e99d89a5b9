import { engineReloaded, reloadEventList, reloadEventQuery, reloadFeedEvents } from '../../api/reload.ts'
import type { ServerEvent } from '../../http/event-stream.ts'
import { ok } from '../../http/route.ts'
import { change } from '../change.ts'
import { reloadEngine } from '../engine-reload.ts'
import { requireEngine } from '../opencode-target.ts'
import type { ReloadEvents } from '../reload/reload-events.ts'
import { eventRoute, requireWorkspace, route } from '../services.ts'

const FAILS = ['workspace_not_found', 'workspace_unauthorized'] as const

export const listReloadEvents = route({
  method: 'GET',
  path: '/workspace/:id/events',
  summary: 'Changes that opencode takes up only when it is reloaded, oldest first',
  access: { auth: 'client' },
  query: reloadEventQuery,
  reply: ok(reloadEventList),
  fails: FAILS,
  handle: async ({ params: { id }, query }, services) => {
    const { reloadEvents } = services
    const workspace = requireWorkspace(services, id)
    // Whoever asks may change something next, and expects to hear of it.
    await reloadEvents.watching(workspace.id)
    const items = reloadEvents.since(workspace.id, query.since)
    return { items, ...reloadEvents.cursor, workspaceId: workspace.id, disabled: false as const }
  },
})

export const watchReloadEvents = eventRoute({
  method: 'GET',
  path: '/workspace/:id/events/stream',
  summary: 'Where the events are now, then each as it comes; those missed since `Last-Event-ID` first',
  access: { auth: 'client' },
  events: reloadFeedEvents,
  fails: FAILS,
  handle: async ({ params: { id }, signal, lastEventId }, services) => {
    const workspace = requireWorkspace(services, id)
    await services.reloadEvents.watching(workspace.id)
    requireWorkspace(services, id) // it may have gone meanwhile, and nothing would end the stream
    return reloadFeed(services.reloadEvents, { workspaceId: workspace.id, signal, lastEventId })
  },
})

async function* reloadFeed(
  reloadEvents: ReloadEvents,
  from: { workspaceId: string; signal: AbortSignal; lastEventId: string | undefined },
): AsyncGenerator<ServerEvent> {
  const { workspaceId, signal, lastEventId } = from
  // In this order, in one go: nothing is missed in between, and nothing told twice.
  const coming = reloadEvents.listen(workspaceId, signal)
  const place = lastEventId === undefined ? reloadEvents.cursor.cursor : reloadEvents.placeOf(lastEventId)
  const missed = place === undefined ? [] : reloadEvents.sentSince(workspaceId, place)
  const { cursor, epoch } = reloadEvents.cursor
  // The place, not the cursor: a client cut off before the missed ones came asks from there again.
  const id = `${epoch}:${place ?? cursor}`
  yield { id, event: place === undefined ? 'reset' : 'cursor', data: reloadEvents.cursor }
  yield* missed
  yield* coming
}

/** Allowed in read-only mode: it changes nothing but what opencode has in memory. */
export const reloadWorkspaceEngine = route({
  method: 'POST',
  path: '/workspace/:id/engine/reload',
  summary: 'Let opencode read its files anew; running turns of this workspace are aborted',
  access: { auth: 'client', scope: 'collaborator' },
  reply: ok(engineReloaded),
  fails: [...FAILS, 'opencode_unconfigured', 'opencode_unreachable', 'opencode_reload_failed', 'requester_gone'],
  handle: (call, services) => {
    const workspace = requireWorkspace(services, call.params.id)
    const engine = requireEngine(workspace)
    return change(services, call, workspace, { ask: false }, async () => {
      await reloadEngine(engine)
      const audit = [{ action: 'engine.reload', target: engine.baseUrl, summary: 'Reloaded opencode' }]
      return { result: { ok: true as const, reloadedAt: Date.now() }, audit }
    })
  },
})
