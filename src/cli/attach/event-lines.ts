import type { daemonEvents } from '../../api/daemon.ts'
import type { ReceivedEvent } from '../../api/event-source.ts'
import { byteCount } from '../../shared/byte-count.ts'
import type { Log } from '../../shared/log.ts'

type Event = ReceivedEvent<typeof daemonEvents>

/** Writes an event of a daemon into the log, as far as it concerns this workspace. */
export function logDaemonEvent(log: Log, { event, data }: Event, workspaceId: string): void {
  switch (event) {
    case 'service':
      if (data.state !== 'waiting') log.info(`${data.service} ${data.state}`, { reason: data.reason })
      break
    case 'reload':
      if (data.workspaceId === workspaceId) log[data.severity](data.message)
      break
    case 'instance.disposed':
      if (data.workspaceId === workspaceId)
        log.info('opencode has forgotten this workspace until it is used', { reason: data.reason })
      break
    case 'workspace.removed':
      if (data.workspace.id === workspaceId) log.warn('the daemon does not serve this workspace any more')
      break
    case 'engine.draining':
      log.warn('opencode takes too much memory: it is restarted as soon as nothing runs', {
        memory: byteCount(data.memoryBytes),
        limit: byteCount(data.limitBytes),
        waitingFor: data.work,
      })
      break
    case 'engine.restarted':
      log.info('opencode was restarted', { reason: data.reason })
      break
    case 'stopping':
      log.info('the daemon stops')
      break
    case 'status':
    case 'workspace.added':
    case 'workspace.activated':
      break
  }
}
