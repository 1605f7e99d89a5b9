import { daemonFlags } from '../daemon/daemon-flags.ts'
import { connectToWorkspace } from '../daemon/workspace-command.ts'
import { workspaceArgs } from '../daemon/workspace-word.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const instanceDispose = defineCommand({
  path: 'instance dispose',
  summary: 'Have opencode forget a workspace until it is used again, with its servers and terminals',
  args: workspaceArgs,
  flags: {
    force: bool({ default: false, summary: 'Also when that ends running turns, terminals and open questions' }),
    ...daemonFlags,
  },
  async run({ workspace: word, force, ...values }, context) {
    const { client, meant } = await connectToWorkspace(word, values, context)
    const disposed = await client.dispose(meant, { force })
    showResult(context, { ok: true, disposed }, () =>
      onOneLine(disposed ? `opencode has forgotten ${word}` : `opencode had nothing of ${word}`),
    )
  },
})
