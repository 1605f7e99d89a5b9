import { renderWork } from '../../hot-reload/reload-text.ts'
import { AUTOSTART, autostartFlags } from '../daemon/daemon-flags.ts'
import { connectToWorkspace, offerForce } from '../daemon/workspace-command.ts'
import { workspaceArgs } from '../daemon/workspace-word.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceRemove = defineCommand({
  path: 'workspace remove',
  aliases: ['workspaces remove'],
  summary: 'Have the daemon forget a workspace; its files stay',
  description: `What opencode has in memory for it goes with it. ${AUTOSTART}`,
  args: workspaceArgs,
  flags: {
    force: bool({
      perCall: true,
      default: false,
      summary: 'Also when that ends running turns, terminals, open questions and leases',
    }),
    ...autostartFlags,
  },
  async run({ workspace: word, force, ...values }, context) {
    const { client, meant } = await connectToWorkspace(word, values, context)
    const { activeId, removed, ended } = await client.removeWorkspace(meant, { force }).catch(offerForce)
    showResult(context, { ok: true, activeId, removed, ...(ended && { ended }) }, () =>
      [
        onOneLine(`${removed.name} is not served any more; its files are where they were`),
        ...(ended ? [`Ended ${renderWork(ended)}`] : []),
      ].join('\n'),
    )
  },
})
