import { findDaemon } from '../../daemon/find-daemon.ts'
import { autostartFlags, type DaemonValues } from '../daemon/daemon-flags.ts'
import { findListed } from '../daemon/listed-workspace.ts'
import { connectToWorkspace, offerForce } from '../daemon/workspace-command.ts'
import { workspaceArgs } from '../daemon/workspace-word.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const instanceDispose = defineCommand({
  path: 'instance dispose',
  summary: 'Unload a workspace from opencode until it is used again, with its servers and terminals',
  args: workspaceArgs,
  flags: {
    force: bool({
      perCall: true,
      default: false,
      summary: 'Also when that ends running turns, terminals and open questions',
    }),
    ...autostartFlags,
  },
  async run({ workspace: word, force, ...values }, context) {
    const disposed = await dispose(word, { force, values }, context)
    showResult(context, { ok: true, disposed }, () =>
      onOneLine(disposed ? `${word} is unloaded until it is used again` : `${word} was not in memory`),
    )
  },
})

/** Without a daemon nothing is in memory, and none is started for that. */
async function dispose(
  word: string,
  { force, values }: { force: boolean; values: DaemonValues },
  context: Context,
): Promise<boolean> {
  if ((await findDaemon(values.dataDir)).state === 'none') {
    await findListed(word, values.dataDir, context)
    return false
  }
  const { client, meant } = await connectToWorkspace(word, values, context)
  return client.dispose(meant, { force }).catch(offerForce)
}
