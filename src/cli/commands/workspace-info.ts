import type { DaemonWorkspaceInfo } from '../../api/daemon.ts'
import { findConnection, tellOtherAddress } from '../daemon/daemon-connection.ts'
import { type DaemonValues, toleratedFlags } from '../daemon/daemon-flags.ts'
import { workspaceText } from '../daemon/daemon-status-text.ts'
import { findListed } from '../daemon/listed-workspace.ts'
import { workspaceArgs, workspaceMeant } from '../daemon/workspace-word.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceInfo = defineCommand({
  path: 'workspace info',
  aliases: ['workspaces info'],
  summary: 'One workspace of the daemon, and what opencode keeps in memory for it',
  args: workspaceArgs,
  flags: toleratedFlags,
  async run({ workspace: word, ...values }, context) {
    const info = await readInfo(word, values, context)
    showResult(context, { ok: true, ...info }, () => workspaceText(info, Date.now()))
  },
})

/** Nothing is started for it. */
async function readInfo(word: string, values: DaemonValues, context: Context): Promise<DaemonWorkspaceInfo> {
  const daemon = await findConnection(values.dataDir, context)
  if (daemon) {
    tellOtherAddress(daemon, values, context)
    const { workspaces } = await daemon.client.workspaces()
    return daemon.client.workspace(await workspaceMeant(word, workspaces, context))
  }
  return { workspace: await findListed(word, values.dataDir, context) }
}
