import type { DaemonWorkspace } from '../../api/daemon.ts'
import { daemonFiles } from '../../daemon/daemon-files.ts'
import { folderMeant } from '../folder-word.ts'
import type { Context } from '../kit/context.ts'
import type { Io } from '../kit/io.ts'
import { askSelect, canAsk } from '../prompts/prompts.ts'

/** Of a command that is about one workspace of a daemon. */
export const workspaceArgs = { workspace: { summary: 'Its id, name or folder', ask: askWorkspace } } as const

/** One of the daemon's list, whether the daemon runs or not. */
async function askWorkspace({ dataDir }: Readonly<Record<string, unknown>>, context: Context) {
  if (!canAsk(context) || typeof dataDir !== 'string') return undefined
  // Only where it is needed: schemas take longer to load than the rest of a command takes.
  const { readDaemonState } = await import('../../daemon/state-file.ts')
  const { workspaces } = await readDaemonState(daemonFiles(dataDir).state)
  if (workspaces.length === 0) return undefined
  const choices = workspaces.map(({ id, name, path }) => ({ value: id, label: name, hint: path }))
  return await askSelect('Which workspace?', choices, context)
}

/**
 * What is meant by a word that names a workspace of a daemon, whose process has another current folder: an id or name as
 * it is, and a folder as its absolute path. A folder that is gone counts as one where it is listed.
 */
export async function workspaceMeant(
  word: string,
  workspaces: readonly Pick<DaemonWorkspace, 'id' | 'name' | 'path'>[],
  io: Pick<Io, 'cwd' | 'home'>,
): Promise<string> {
  if (workspaces.some(({ id, name }) => id === word || name === word)) return word
  const paths = workspaces.map(({ path }) => path)
  return (await folderMeant(word, paths, io)) ?? word
}
