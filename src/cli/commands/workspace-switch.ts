import { AUTOSTART, autostartFlags } from '../daemon/daemon-flags.ts'
import { connectToWorkspace } from '../daemon/workspace-command.ts'
import { workspaceArgs } from '../daemon/workspace-word.ts'
import { defineCommand } from '../kit/define.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceSwitch = defineCommand({
  path: 'workspace switch',
  aliases: ['workspaces switch'],
  summary: 'Make a workspace the active one, which clients see first',
  description: AUTOSTART,
  args: workspaceArgs,
  flags: autostartFlags,
  async run({ workspace: word, ...values }, context) {
    const { client, meant } = await connectToWorkspace(word, values, context)
    const { activeId, workspace } = await client.activate(meant)
    showResult(context, { ok: true, activeId, workspace }, () => onOneLine(`${workspace.name} is active`))
  },
})
