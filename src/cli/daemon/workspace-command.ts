import type { DaemonClient } from '../../api/daemon-client.ts'
import type { Context } from '../kit/context.ts'
import type { DaemonValues } from './daemon-flags.ts'
import { ensureDaemon } from './ensure-daemon.ts'
import { workspaceMeant } from './workspace-word.ts'

/** The daemon, which is started if need be, and the workspace as it has to be named to it. */
export async function connectToWorkspace(
  word: string,
  values: DaemonValues,
  context: Context,
): Promise<{ client: DaemonClient; meant: string }> {
  const { client } = await ensureDaemon(values, context)
  const { workspaces } = await client.workspaces()
  return { client, meant: await workspaceMeant(word, workspaces, context) }
}
