import type { DaemonWorkspace } from '../api/daemon.ts'
import { listLocalHosts, renderSecondOpencode } from '../orchestrator/local-hosts.ts'
import type { Log } from '../shared/log.ts'

/**
 * What is to be said of hosts that have an opencode of their own in a folder of these, which goes to the log as well. No
 * refusal: whoever started both may want both. Never rejects: it is no part of what was asked for.
 */
export async function tellOfSecondOpencodes(
  dataDir: string,
  workspaces: readonly DaemonWorkspace[],
  log: Pick<Log, 'warn'>,
): Promise<string[]> {
  const paths = new Set(workspaces.flatMap(({ workspaceType, path }) => (workspaceType === 'local' ? [path] : [])))
  try {
    const hosts = await listLocalHosts(dataDir)
    return hosts
      .filter(({ serves, workspace }) => serves === 'one' && paths.has(workspace))
      .map(host => {
        log.warn(`${host.workspace}: ${renderSecondOpencode(host)}`)
        return `${renderSecondOpencode(host)}; stop one of them`
      })
  } catch (error) {
    log.warn('other hosts could not be looked for', { reason: String(error) })
    return []
  }
}
