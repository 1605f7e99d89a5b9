import type { Log } from '../shared/log.ts'
import type { SupervisorEvent } from '../supervisor/service.ts'

/** Writes what happens to services into the log: their own lines under their name, changes of state under ours. */
export function logEvent(log: Log, event: SupervisorEvent): void {
  if (event.type === 'line') {
    log.for(event.service).childLine(event.text, event)
    return
  }
  if (event.type === 'warning') {
    log.warn(event.message, { service: event.service, cause: String(event.cause) })
    return
  }
  const { service, pid, reason } = event
  const restarts = event.restarts > 0 ? event.restarts : undefined
  const exit = { code: event.exit?.code, signal: event.exit?.signal }
  switch (event.state) {
    case 'waiting':
      break
    case 'starting':
    case 'ready':
      log.info(`${service} ${event.state}`, { pid, restarts })
      break
    case 'unhealthy':
      log.warn(`${service} does not answer`, { pid, reason })
      break
    case 'backing-off':
      log.warn(`${service} ended, will be started again`, { reason, ...exit, nextTryInMs: event.nextTryInMs })
      break
    case 'stopping':
      log.debug(`${service} stopping`, { pid })
      break
    case 'exited':
      log.info(`${service} exited`, { reason, ...exit })
      break
    case 'gave-up':
      log.error(`${service} gave up`, { reason, ...exit, restarts })
      break
  }
}
