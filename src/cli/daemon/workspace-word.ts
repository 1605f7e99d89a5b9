import type { DaemonWorkspace } from '../../api/daemon.ts'
import { folderMeant } from '../folder-word.ts'
import type { Io } from '../kit/io.ts'

/** Of a command that is about one workspace of a daemon. */
export const workspaceArgs = { workspace: { summary: 'Its id, name or folder' } } as const

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
