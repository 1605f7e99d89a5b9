import { mkdir } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import type { LocalWorkspaceRequest, Workspace } from '../api/workspaces.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { readConfigFile, writeManagedSettings } from './config-file.ts'
import { requireFolder } from './files/safe-path.ts'
import type { ReloadEvents } from './reload/reload-events.ts'
import type { ServerSettings } from './settings.ts'
import { ensureStarterFiles } from './starter/starter-files.ts'
import { planWorkspaces, type Workspaces, workspaceEntryOf } from './workspaces.ts'

type Published = { items: readonly Workspace[]; authorizedRoots: readonly string[] }

/** `persisted`: also in the settings file, so that it holds after a restart; there is not always one. */
export type Managed = { workspace: Workspace; persisted: boolean }

/** Adds, names and forgets workspaces, one change after the other. Everything throws `invalid_config`, `config_file_unusable`. */
export class WorkspaceRegistry {
  readonly #settings: Pick<ServerSettings, 'configPath' | 'opencode'>
  readonly #workspaces: Workspaces
  readonly #reloadEvents: ReloadEvents
  #last: Promise<unknown> = Promise.resolve()

  constructor({
    settings,
    workspaces,
    reloadEvents,
  }: {
    settings: Pick<ServerSettings, 'configPath' | 'opencode'>
    workspaces: Workspaces
    reloadEvents: ReloadEvents
  }) {
    this.#settings = settings
    this.#workspaces = workspaces
    this.#reloadEvents = reloadEvents
  }

  /**
   * Publishes a folder as the active workspace, made with starter files where they are missing; one that is published
   * already is replaced. Throws `invalid_payload`, `workspace_not_a_folder`, `workspace_unusable`, `disk_full`, `invalid_jsonc`,
   * `invalid_path`.
   */
  create({ folderPath, name, preset }: LocalWorkspaceRequest): Promise<Managed> {
    return this.#inTurn(async () => {
      // The server's own folder is nothing a client could know.
      if (!isAbsolute(folderPath) || folderPath.includes('\0'))
        throw new OpenworkError('invalid_payload', 'folderPath: an absolute path is needed')
      // Before anything is made: what cannot be kept is not begun.
      await readConfigFile(this.#settings.configPath)
      // A directory of the settings is that of the one workspace they had.
      const defaults = { ...this.#settings.opencode, directory: undefined }
      const [workspace] = planWorkspaces([{ path: resolve(folderPath), ...(name && { name }), preset }], '', defaults)
      if (!workspace) throw new Error('an entry gives a workspace')
      await ensureFolder(requireFolder(workspace), preset)
      const { all, authorizedRoots } = this.#workspaces
      return this.#publish(workspace, {
        items: [workspace, ...all.filter(({ id }) => id !== workspace.id)],
        authorizedRoots: [...new Set([...authorizedRoots, workspace.path])],
      })
    })
  }

  /** A blank name is none. Throws `workspace_not_found`. */
  rename(id: string, displayName: string | undefined): Promise<Managed> {
    return this.#inTurn(async () => {
      const { displayName: _before, ...rest } = this.#workspaces.find(id)
      const wanted = displayName?.trim()
      const workspace = wanted ? { ...rest, name: wanted, displayName: wanted } : rest
      const { all, authorizedRoots } = this.#workspaces
      return this.#publish(workspace, { items: all.map(item => (item.id === id ? workspace : item)), authorizedRoots })
    })
  }

  /** Its files stay. Throws `workspace_not_found`. */
  remove(id: string): Promise<Managed> {
    return this.#inTurn(async () => {
      const workspace = this.#workspaces.find(id)
      const { all, authorizedRoots } = this.#workspaces
      return this.#publish(workspace, {
        items: all.filter(item => item !== workspace),
        authorizedRoots: authorizedRoots.filter(root => root !== workspace.path),
      })
    })
  }

  async #publish(workspace: Workspace, { items, authorizedRoots }: Published): Promise<Managed> {
    const managed = { workspaces: items.map(workspaceEntryOf), authorizedRoots }
    const persisted = await writeManagedSettings(this.#settings.configPath, managed)
    this.#workspaces.replace(items, authorizedRoots)
    this.#reloadEvents.follow(items)
    return { workspace, persisted }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {}) // its own caller is told; the next change does not depend on it
    return turn
  }
}

async function ensureFolder(path: string, preset: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
    await ensureStarterFiles(path, preset, Date.now())
  } catch (error) {
    throw folderFailure(path, error)
  }
}

function folderFailure(path: string, cause: unknown): unknown {
  switch (systemCode(cause)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return new OpenworkError('workspace_not_a_folder', `${path} is no folder, or lies in something that is none`, {
        cause,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new OpenworkError('workspace_unusable', `${path} may not be written to (${systemCode(cause)})`, {
        cause,
      })
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return new OpenworkError('invalid_path', `${path} cannot be a folder (${systemCode(cause)})`, { cause })
    case 'ENOSPC':
    case 'EDQUOT':
      return new OpenworkError('disk_full', `No space left to make a workspace of ${path}`, { cause })
    default:
      return cause
  }
}
