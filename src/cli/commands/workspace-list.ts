import { daemonFiles } from '../../daemon/daemon-files.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import { findConnection } from '../daemon/daemon-connection.ts'
import { NO_WORKSPACES, shownAt, workspaceTable } from '../daemon/daemon-status-text.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceList = defineCommand({
  path: 'workspace list',
  aliases: ['workspaces list', 'workspace ls'],
  summary: 'The workspaces of the daemon, whether it runs or not',
  flags: { dataDir: dataDirFlag },
  async run({ dataDir }, context) {
    const { activeId, workspaces, instances } = await readList(dataDir, context)
    showResult(context, { ok: true, activeId, workspaces }, () =>
      workspaces.length === 0
        ? NO_WORKSPACES
        : workspaceTable(workspaces, { activeId, ...(instances && { instances }) }, shownAt(context)),
    )
  },
})

/** Of the daemon; nothing is started for it: without one its state file knows as much. */
async function readList(dataDir: string, context: Context) {
  const daemon = await findConnection(dataDir, context)
  if (!daemon) return { ...(await readDaemonState(daemonFiles(dataDir).state)), instances: undefined }
  const isForPerson = !context.json && context.stdout.isTTY === true
  const [list, status] = await Promise.all([
    daemon.client.workspaces(),
    isForPerson ? daemon.client.status() : undefined,
  ])
  return { ...list, instances: status?.instances }
}
