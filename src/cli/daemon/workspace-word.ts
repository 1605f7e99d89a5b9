import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { DaemonWorkspace } from '../../api/daemon.ts'
import { systemCode } from '../../shared/errors.ts'
import type { Io } from '../kit/io.ts'
import { localPath } from '../local-path.ts'

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
  const path = localPath(word, io)
  if (existsSync(path)) return realPathOf(path)
  return workspaces.some(listed => listed.path !== '' && resolve(listed.path) === path) ? path : word
}

/** As the daemon knows a folder; one that is not there, or is out of reach, stays as it was named. */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return path
  }
}
