import writeFileAtomic from 'write-file-atomic'
import type { DaemonWorkspace } from '../api/daemon.ts'
import { daemonLayout, serverSettingsFile } from '../orchestrator/data-dir.ts'
import { writing } from '../orchestrator/write-failure.ts'
import type { KeptCredentials } from './remote-credentials.ts'

/**
 * Writes the list for the daemon's openwork-server, the active one first. How to reach the opencode of local ones is in
 * the server's environment, never here.
 *
 * @throws OpenworkError disk_full, data_dir_unusable
 */
export async function writeServerSettings(
  dataDir: string,
  workspaces: readonly DaemonWorkspace[],
  credentials: Pick<KeptCredentials, 'of'>,
): Promise<void> {
  const path = serverSettingsFile(daemonLayout(dataDir))
  const settings = {
    workspaces: workspaces.map(workspace => entryOf(workspace, credentials)),
    authorizedRoots: workspaces.filter(({ workspaceType }) => workspaceType === 'local').map(({ path }) => path),
  }
  await writing(path, () => writeFileAtomic(path, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 }))
}

function entryOf(
  { id, name, path, workspaceType, baseUrl, directory }: DaemonWorkspace,
  credentials: Pick<KeptCredentials, 'of'>,
) {
  if (workspaceType === 'local') return { id, name, path, workspaceType }
  const kept = credentials.of(id)
  return {
    id,
    name,
    workspaceType,
    remoteType: 'opencode',
    baseUrl,
    directory,
    ...(kept && { opencodeUsername: kept.username.reveal(), opencodePassword: kept.password.reveal() }),
  }
}
