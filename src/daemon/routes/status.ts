import { z } from 'zod'
import {
  type DaemonEvent,
  daemonAlive,
  daemonEvents,
  daemonStatus,
  daemonStopping,
  type EndedWork,
} from '../../api/daemon.ts'
import { amountOf } from '../../hot-reload/engine-work.ts'
import { ok } from '../../http/route.ts'
import { VERSION } from '../../shared/version.ts'
import { eventRoute, route, type Services } from '../services.ts'

export const health = route({
  method: 'GET',
  path: '/health',
  summary: 'Whether the daemon runs, and its version; with the token also how it is',
  access: 'any',
  reply: ok(z.union([daemonStatus.extend(daemonAlive.shape), daemonAlive])),
  fails: [],
  handle: async ({ caller }, { status }) => ({
    ...(caller.isAdmitted && (await status())),
    ok: true as const,
    version: VERSION,
  }),
})

export const status = route({
  method: 'GET',
  path: '/status',
  summary: 'How the daemon, its services and its instances are',
  access: 'bearer',
  reply: ok(daemonStatus),
  fails: [],
  handle: (_call, { status }) => status(),
})

export const events = eventRoute({
  method: 'GET',
  path: '/events',
  summary: 'What happens; first, and after everything that was missed, how the daemon is',
  access: 'bearer',
  events: daemonEvents,
  fails: [],
  handle: ({ signal }, services) => follow(services, signal),
})

export const shutdown = route({
  method: 'POST',
  path: '/shutdown',
  summary: 'Stop the daemon and its services, whatever runs there',
  access: 'bearer',
  reply: ok(daemonStopping),
  fails: [],
  handle: async (_call, services) => {
    await services.look()
    const ended = atWork(services)
    services.shutDown()
    return { ok: true as const, ...(ended.length > 0 && { ended }) }
  },
})

const atWork = ({ list, instances }: Services): EndedWork[] =>
  list.all.flatMap(({ id, name }) => {
    const { work } = instances.status(id)
    return work && amountOf(work) > 0 ? [{ workspaceId: id, name, work }] : []
  })

/** A client that has fallen too far behind gets the status again in place of what it missed. */
async function* follow({ feed, status }: Services, signal: AbortSignal): AsyncGenerator<DaemonEvent> {
  while (!signal.aborted) {
    const heard = feed.listen(signal)
    yield { event: 'status', data: await status() }
    for await (const event of heard) {
      yield event
      if (event.event === 'stopping') return
    }
  }
}
