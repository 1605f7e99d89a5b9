import { OPENCODE } from '../services/opencode.ts'
import { messageOf } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { Host } from './host.ts'
import type { HotReloadOptions } from './options.ts'

/**
 * Takes over changes in the workspace of a host that is ready, until `stop()`. Begins in the background: what it needs is
 * not loaded before the host is up, and where it cannot begin that is a warning.
 */
export function followWorkspace(host: Host, options: HotReloadOptions, log: Log): { stop(): Promise<void> } {
  let isStopped = false
  const opening = open(host, options, log).catch((error: unknown): undefined => {
    if (!isStopped)
      log.warn(`hot reload could not begin: ${messageOf(error)}`, { hint: 'restart the host to try again' })
  })
  return {
    stop: async () => {
      isStopped = true
      const hotReload = await opening
      // Not waited for: an opencode that hangs would hold up the end of the host.
      void hotReload?.close().catch(error => log.warn(`hot reload has not ended well: ${messageOf(error)}`))
    },
  }
}

async function open(host: Host, options: HotReloadOptions, log: Log): Promise<{ close(): Promise<void> }> {
  const [{ openHotReload }, { UsedDirectories }] = await Promise.all([
    import('./hot-reload.ts'),
    import('./used-directories.ts'),
  ])
  const used = new UsedDirectories(host, log)
  const hotReload = openHotReload(host, { options, log, others: () => used.all() })
  const opencode = host.services().find(({ name }) => name === OPENCODE)
  // opencode makes the instance when it is first asked for it: at the earliest when it started.
  hotReload.follow(host.plan.workspace, { readAtMs: opencode?.startedAtMs })
  return {
    close: async () => {
      await hotReload.close()
      await used.close()
    },
  }
}
