import type { DaemonClient } from '../../api/daemon-client.ts'
import { findDaemon } from '../../daemon/find-daemon.ts'
import { dataDirWords } from '../../orchestrator/follow-up.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { detailsOf } from '../answered-failure.ts'
import type { Context } from '../kit/context.ts'
import type { DaemonConnection } from './daemon-connection.ts'
import type { DaemonValues } from './daemon-flags.ts'
import { ensureDaemon } from './ensure-daemon.ts'
import { findListed } from './listed-workspace.ts'
import { workspaceMeant } from './workspace-word.ts'

/** The daemon, which is started if need be. A person who did not ask for one is told how to be rid of it. */
export async function connectToDaemon(values: DaemonValues, context: Context): Promise<DaemonConnection> {
  const { isNew, ...connection } = await ensureDaemon(values, context)
  if (isNew && !context.json && context.stdout.isTTY === true) {
    const where = dataDirWords(values.dataDir, context.home)
    context.output.note(
      `Started the daemon (pid ${connection.pid}); stop it with \`openwork daemon stop${where}\`\n` +
        `Pair a phone: \`openwork pair${where}\``,
    )
  }
  return connection
}

/**
 * The same, and the workspace as it has to be named to it. For a word that names none nothing is started.
 * @throws OpenworkError workspace_not_found, workspace_ambiguous
 */
export async function connectToWorkspace(
  word: string,
  values: DaemonValues,
  context: Context,
): Promise<{ client: DaemonClient; meant: string }> {
  if ((await findDaemon(values.dataDir)).state === 'none') await findListed(word, values.dataDir, context)
  const { client } = await connectToDaemon(values, context)
  const { workspaces } = await client.workspaces()
  return { client, meant: await workspaceMeant(word, workspaces, context) }
}

/** Of a command with `--force`: what it would end is told with that. Scripts get the details of the daemon's own. */
export function offerForce(error: unknown): never {
  if (!(error instanceof OpenworkError) || error.code !== 'workspace_busy') throw error
  throw new OpenworkError(error.code, error.message, {
    hint: 'Wait until that has ended, or add --force.',
    details: detailsOf(error),
    cause: error,
  })
}
