import type { DaemonWorkspaceInfo } from '../../api/daemon.ts'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { findConnection } from '../daemon/daemon-connection.ts'
import { workspaceText } from '../daemon/daemon-status-text.ts'
import { workspaceArgs, workspaceMeant } from '../daemon/workspace-word.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceInfo = defineCommand({
  path: 'workspace info',
  aliases: ['workspaces info'],
  summary: 'One workspace of the daemon, and what opencode keeps in memory for it',
  args: workspaceArgs,
  flags: { dataDir: dataDirFlag },
  async run({ workspace: word, dataDir }, context) {
    const info = await readInfo(word, dataDir, context)
    showResult(context, { ok: true, ...info }, () => workspaceText(info, Date.now()))
  },
})

/** Nothing is started for it. */
async function readInfo(word: string, dataDir: string, context: Context): Promise<DaemonWorkspaceInfo> {
  const daemon = await findConnection(dataDir, context)
  if (daemon) {
    const { workspaces } = await daemon.client.workspaces()
    return daemon.client.workspace(await workspaceMeant(word, workspaces, context))
  }
  const { workspaces } = await readDaemonState(daemonFiles(dataDir).state)
  const meant = await workspaceMeant(word, workspaces, context)
  const found = workspaces.filter(({ id, name, path }) => [id, name, path].includes(meant))
  const [workspace] = found
  if (workspace && found.length === 1) return { workspace }
  if (workspace)
    throw new OpenworkError('workspace_ambiguous', `${found.length} workspaces are called ${word}`, {
      hint: `Name one by its id: ${found.map(({ id }) => id).join(', ')}`,
      details: { ids: found.map(({ id }) => id) },
    })
  throw new OpenworkError('workspace_not_found', `There is no workspace ${word}`, {
    hint: '`openwork workspace list` shows all of them.',
  })
}
