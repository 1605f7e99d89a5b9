import type { DaemonWorkspace } from '../../api/daemon.ts'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Io } from '../kit/io.ts'
import { workspaceMeant } from './workspace-word.ts'

/**
 * A workspace of a daemon that does not run, as its list has it.
 * @throws OpenworkError workspace_not_found, workspace_ambiguous, daemon_state_unusable
 */
export async function findListed(
  word: string,
  dataDir: string,
  io: Pick<Io, 'cwd' | 'home'>,
): Promise<DaemonWorkspace> {
  const { workspaces } = await readDaemonState(daemonFiles(dataDir).state)
  const meant = await workspaceMeant(word, workspaces, io)
  const found = workspaces.filter(({ id, name, path }) => [id, name, path].includes(meant))
  const [workspace] = found.length > 1 ? found.filter(({ id }) => id === meant) : found
  if (workspace) return workspace
  if (found.length > 0)
    throw new OpenworkError('workspace_ambiguous', `${found.length} workspaces are called ${word}`, {
      hint: `Name one by its id: ${found.map(({ id }) => id).join(', ')}`,
      details: { ids: found.map(({ id }) => id) },
    })
  throw new OpenworkError('workspace_not_found', `There is no workspace ${word}`, {
    hint: '`openwork workspace list` shows all of them.',
  })
}
