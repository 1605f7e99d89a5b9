import { existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'

/** What opencode is told when a workspace has no config of its own: only where its schema is. */
const STARTER_CONFIG = `${JSON.stringify({ $schema: 'https://opencode.ai/config.json' }, null, 2)}\n`

/**
 * The real path of the workspace, nothing created yet. `undefined` when it does not exist and may be created.
 * @throws OpenworkError workspace_not_found, workspace_not_a_folder, workspace_unreadable
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
      case 'EACCES':
        throw new OpenworkError('workspace_unreadable', `The workspace ${path} cannot be read: permission denied`, {
          hint: 'Pass a folder that you may read with --workspace.',
        })
      default:
        throw error
    }
  }
  if (!isFolder) throw notAFolder(path)
  return realpathSync(path)
}

/**
 * Creates the workspace when that was asked for, and gives it an `opencode.jsonc` when it has no opencode config.
 * A folder that cannot be written gets none: opencode works without. May run twice.
 */
export function ensureWorkspace(path: string): { path: string; created: boolean } {
  const created = !existsSync(path)
  mkdirSync(path, { recursive: true })
  const real = realpathSync(path)
  const hasConfig = ['opencode.jsonc', 'opencode.json'].some(name => existsSync(join(real, name)))
  if (!hasConfig) {
    try {
      writeFileSync(join(real, 'opencode.jsonc'), STARTER_CONFIG, { flag: 'wx' })
    } catch (error) {
      if (!['EACCES', 'EPERM', 'EROFS', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
    }
  }
  return { path: real, created }
}

const notAFolder = (path: string): OpenworkError =>
  new OpenworkError('workspace_not_a_folder', `The workspace ${path} is a file, not a folder`, {
    hint: 'Pass the folder to work in with --workspace.',
  })
