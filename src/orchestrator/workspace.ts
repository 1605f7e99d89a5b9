import { chmodSync, existsSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { diskFull, isDiskFull, reasonOf } from './write-failure.ts'

/** What opencode is told when a workspace has no config of its own: only where its schema is. */
const STARTER_CONFIG = `${JSON.stringify({ $schema: 'https://opencode.ai/config.json' }, null, 2)}\n`

/**
 * The real path of the workspace, nothing created yet. `undefined` when it does not exist and may be created.
 * @throws OpenworkError workspace_not_found, workspace_not_a_folder, workspace_unusable
 */
export function findWorkspace(path: string, mayCreate: boolean): string | undefined {
  let isFolder: boolean
  try {
    isFolder = statSync(path).isDirectory()
  } catch (error) {
    switch (systemCode(error)) {
      case 'ENOENT':
        if (mayCreate) return undefined
        throw new OpenworkError('workspace_not_found', `There is no folder ${path}`, {
          hint: 'Check --workspace, or add --create-workspace to have it made.',
        })
      case 'ENOTDIR':
        throw notAFolder(path)
      default: {
        const reason = reasonOf(error)
        throw reason === undefined ? error : unusableWorkspace(path, reason, error)
      }
    }
  }
  if (!isFolder) throw notAFolder(path)
  return realpathSync(path)
}

/**
 * Creates the workspace when that was asked for, and gives it an `opencode.jsonc` when it has no opencode config.
 * A folder that cannot be written gets none: opencode works without. May run twice.
 *
 * @param isPrivate for its owner alone, as what is in a data dir; not for a folder of the user's
 * @throws OpenworkError workspace_unusable, disk_full
 */
export function ensureWorkspace(
  path: string,
  { isPrivate = false } = {},
): { path: string; created: boolean; configured: boolean } {
  const created = !existsSync(path)
  try {
    mkdirSync(path, { recursive: true })
    if (isPrivate) chmodSync(path, 0o700)
    const real = realpathSync(path)
    return { path: real, created, configured: ensureConfig(real, isPrivate ? { mode: 0o600 } : {}) }
  } catch (error) {
    if (isDiskFull(error)) throw diskFull(path, '--workspace', error)
    const reason = reasonOf(error)
    throw reason === undefined ? error : unusableWorkspace(path, reason, error)
  }
}

/** Whether the starter config was written. */
function ensureConfig(workspace: string, options: { mode?: number }): boolean {
  if (['opencode.jsonc', 'opencode.json'].some(name => existsSync(join(workspace, name)))) return false
  const path = join(workspace, 'opencode.jsonc')
  try {
    writeFileAtomic.sync(path, STARTER_CONFIG, options)
    return true
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) return false
    throw error
  }
}

const notAFolder = (path: string): OpenworkError =>
  new OpenworkError('workspace_not_a_folder', `The workspace ${path} is a file, not a folder`, {
    hint: 'Pass the folder to work in with --workspace.',
  })

const unusableWorkspace = (path: string, reason: string, cause: unknown): OpenworkError =>
  new OpenworkError('workspace_unusable', `The workspace ${path} cannot be used: ${reason}`, {
    hint: 'Pass another folder with --workspace.',
    cause,
  })
