import type { DaemonWorkspace } from '../../api/daemon.ts'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { findDaemon } from '../../daemon/find-daemon.ts'
import { readDaemonState } from '../../daemon/state-file.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { noDaemon } from '../daemon/daemon-connection.ts'
import { realPathOf } from '../folder-word.ts'
import type { Context } from '../kit/context.ts'
import { askConfirm, canAsk } from '../prompts/prompts.ts'

type Asked = { workspace: string; dataDir: string; attach: boolean }

/**
 * The workspace of a running daemon that a start is to use instead of an opencode of its own; undefined when no daemon
 * serves that folder. A person at a terminal is asked; a program has to say so: what it gets then is shared with others.
 *
 * @throws OpenworkError workspace_served_by_daemon; with `attach` daemon_not_running, workspace_not_found
 */
export async function findServedByDaemon(asked: Asked, context: Context): Promise<DaemonWorkspace | undefined> {
  const { workspace: folder, dataDir, attach } = asked
  const daemon = await findDaemon(dataDir)
  if (daemon.state === 'none') {
    if (attach) throw noDaemon(dataDir)
    return undefined
  }
  const path = await realPathOf(folder)
  // Also while it starts: then it will serve what its list says.
  const { workspaces } = await readDaemonState(daemonFiles(dataDir).state)
  const served = workspaces.find(listed => listed.workspaceType === 'local' && listed.path === path)
  if (attach && !served)
    throw new OpenworkError('workspace_not_found', `The daemon does not serve ${path}`, {
      hint: `Add it with \`openwork workspace add ${folder}\`, or leave --attach out.`,
    })
  if (!served || attach) return served
  const question = 'A daemon serves this folder already. Use it?'
  if (canAsk(context) && (await askConfirm(question, context, { enter: true }))) return served
  throw new OpenworkError('workspace_served_by_daemon', `The daemon, process ${daemon.pid}, serves ${path} already`, {
    hint: `Use it with \`openwork start --attach\`, take the folder out with \`openwork workspace remove ${served.id}\`, or pass another --data-dir.`,
    details: { pid: daemon.pid, workspaceId: served.id },
  })
}
