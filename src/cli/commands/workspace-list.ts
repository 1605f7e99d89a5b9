import { daemonFiles } from '../../daemon/daemon-files.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import { findConnection, tellOtherAddress } from '../daemon/daemon-connection.ts'
import { type DaemonValues, toleratedFlags } from '../daemon/daemon-flags.ts'
import { NO_WORKSPACES, shownAt, workspaceTable } from '../daemon/daemon-status-text.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceList = defineCommand({
  path: 'workspace list',
  aliases: ['workspaces list', 'workspace ls'],
  summary: 'The workspaces of the daemon, whether it runs or not',
  flags: toleratedFlags,
  async run(values, context) {
    const { activeId, workspaces, instances } = await readList(values, context)
    showResult(context, { ok: true, activeId, workspaces }, () =>
      workspaces.length === 0
        ? NO_WORKSPACES
        : workspaceTable(workspaces, { activeId, ...(instances && { instances }) }, shownAt(context)),
    )
  },
})

/** Of the daemon; nothing is started for it: without one its state file knows as much. */
async function readList(values: DaemonValues, context: Context) {
  const daemon = await findConnection(values.dataDir, context)
  if (!daemon) return { ...(await readDaemonState(daemonFiles(values.dataDir).state)), instances: undefined }
  tellOtherAddress(daemon, values, context)
  const isForPerson = !context.json && context.stdout.isTTY === true
  const [list, status] = await Promise.all([
    daemon.client.workspaces(),
    isForPerson ? daemon.client.status() : undefined,
  ])
  return { ...list, instances: status?.instances }
}
