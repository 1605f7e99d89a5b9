import { AUTOSTART, autostartFlags } from '../daemon/daemon-flags.ts'
import { connectToWorkspace } from '../daemon/workspace-command.ts'
import { workspaceArgs } from '../daemon/workspace-word.ts'
import { defineCommand } from '../kit/define.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const workspacePath = defineCommand({
  path: 'workspace path',
  aliases: ['workspaces path'],
  summary: 'Which folders opencode uses for a workspace, as it says itself',
  description: AUTOSTART,
  args: workspaceArgs,
  flags: autostartFlags,
  async run({ workspace: word, ...values }, context) {
    const { client, meant } = await connectToWorkspace(word, values, context)
    const { workspace, path } = await client.path(meant)
    showResult(context, { ok: true, workspace, path }, () =>
      Object.entries(path)
        .map(([name, value]) =>
          onOneLine(`${name.padEnd(10)} ${typeof value === 'string' ? value : JSON.stringify(value)}`),
        )
        .join('\n'),
    )
  },
})
