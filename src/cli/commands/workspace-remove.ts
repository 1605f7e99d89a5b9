import { daemonFlags } from '../daemon/daemon-flags.ts'
import { connectToWorkspace } from '../daemon/workspace-command.ts'
import { workspaceArgs } from '../daemon/workspace-word.ts'
import { defineCommand } from '../kit/define.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceRemove = defineCommand({
  path: 'workspace remove',
  aliases: ['workspaces remove'],
  summary: 'Have the daemon forget a workspace; its files stay',
  args: workspaceArgs,
  flags: daemonFlags,
  async run({ workspace: word, ...values }, context) {
    const { client, meant } = await connectToWorkspace(word, values, context)
    const { activeId, removed } = await client.removeWorkspace(meant)
    showResult(context, { ok: true, activeId, removed }, () =>
      onOneLine(`${removed.name} is not served any more; its files are where they were`),
    )
  },
})
