import type { DaemonWorkspaceInfo } from '../../api/daemon.ts'
import { findConnection } from '../daemon/daemon-connection.ts'
import { workspaceText } from '../daemon/daemon-status-text.ts'
import { findListed } from '../daemon/listed-workspace.ts'
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
  return { workspace: await findListed(word, dataDir, context) }
}
