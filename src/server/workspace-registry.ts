import { mkdir } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import type { LocalWorkspaceRequest, Workspace } from '../api/workspaces.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { readConfigFile, writeManagedSettings } from './config-file.ts'
import { requireFolder } from './files/safe-path.ts'
import type { ListKeeper } from './list-keeper.ts'
import { type PublishedSettings, publishedBy, type ServerSettings } from './settings.ts'
import { ensureStarterFiles } from './starter/starter-files.ts'
import { planWorkspaces, type Workspaces, withFirst, workspaceEntryOf } from './workspaces.ts'

/** `persisted`: also in the settings file, so that it holds after a restart; there is not always one. */
export type Managed = { workspace: Workspace; persisted: boolean }

type RegistryOptions = {
  settings: Pick<ServerSettings, 'configPath' | 'opencode' | 'workspacesGiven'>
  workspaces: Workspaces
  /** Who keeps the list in the settings file, where that is not this server. */
  keeper: ListKeeper | undefined
  /** After every change, with those that are gone. */
  onChange(gone: readonly Workspace[]): void
}

/**
 * Adds, names and forgets workspaces, one change after the other. Everything throws `invalid_config`; changes throw
 * `config_file_unusable`, or what `ListKeeper` does.
 */
export class WorkspaceRegistry {
  readonly #settings: RegistryOptions['settings']
  readonly #workspaces: Workspaces
  readonly #keeper: ListKeeper | undefined
  readonly #onChange: RegistryOptions['onChange']
  /** Of the list as it was read or written last; another one may have been activated since. */
  #firstListed: string | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor({ settings, workspaces, keeper, onChange }: RegistryOptions) {
    this.#settings = settings
    this.#workspaces = workspaces
    this.#keeper = keeper
    this.#onChange = onChange
    this.#firstListed = workspaces.active?.id
  }

  /**
   * Publishes a folder as the active workspace, made with starter files where they are missing; one that is published
   * already is replaced. Throws `invalid_payload`, `workspace_not_a_folder`, `workspace_unusable`, `disk_full`, `invalid_jsonc`,
   * `invalid_path`.
   */
  async create(request: LocalWorkspaceRequest): Promise<Managed> {
    const keeper = this.#keeper
    if (!keeper) return this.#inTurn(() => this.#create(request))
    const { path } = await this.#inTurn(() => this.#made(request))
    // Not in turn, here and below: it has us read its list before it answers.
    const id = await keeper.add({ path, ...(request.name && { name: request.name }) })
    return this.#inTurn(async () => {
      await this.#readAnew(id)
      if (this.#workspaces.has(id)) return { workspace: this.#workspaces.find(id), persisted: true }
      throw new OpenworkError('daemon_state_unusable', `The daemon lists ${path}, and its settings file does not`)
    })
  }

  /** A blank name is none. Throws `workspace_not_found`. */
  async rename(id: string, displayName: string | undefined): Promise<Managed> {
    const wanted = displayName?.trim() || undefined
    const keeper = this.#keeper
    if (!keeper) return this.#inTurn(() => this.#rename(id, wanted))
    await keeper.rename(this.#workspaces.find(id).id, { name: wanted ?? null })
    return this.#inTurn(async () => {
      await this.#readAnew()
      return { workspace: this.#workspaces.find(id), persisted: true }
    })
  }

  /** Its files stay. Throws `workspace_not_found`; unless `force` `workspace_busy`, where a daemon would end work. */
  async remove(id: string, request: { force: boolean }): Promise<Managed> {
    const keeper = this.#keeper
    if (!keeper) return this.#inTurn(() => this.#remove(id))
    const workspace = this.#workspaces.find(id)
    await keeper.remove(id, request)
    return this.#inTurn(async () => {
      await this.#readAnew()
      return { workspace, persisted: true }
    })
  }

  /**
   * Publishes what the settings file lists now, the first one as the active workspace unless a client has activated
   * another since the list began with that one. Throws `invalid_config`, also when there is no file; then the list stays.
   * Throws `not_available` where flags or environment name the workspaces.
   */
  async reload(): Promise<void> {
    if (this.#settings.workspacesGiven)
      throw new OpenworkError('not_available', 'The workspaces were named when the server was started, not by its file')
    return this.#inTurn(() => this.#readAnew())
  }

  async #create(request: LocalWorkspaceRequest): Promise<Managed> {
    // Before anything is made: what cannot be kept is not begun.
    await readConfigFile(this.#settings.configPath)
    const workspace = await this.#made(request)
    const { all, authorizedRoots } = this.#workspaces
    return this.#keep(workspace, {
      workspaces: withFirst(all, workspace),
      authorizedRoots: [...new Set([...authorizedRoots, workspace.path])],
    })
  }

  /** The workspace that a folder makes, with the folder. */
  async #made({ folderPath, name, preset }: LocalWorkspaceRequest): Promise<Workspace> {
    // The server's own folder is nothing a client could know.
    if (!isAbsolute(folderPath) || folderPath.includes('\0'))
      throw new OpenworkError('invalid_payload', 'folderPath: an absolute path is needed')
    // A directory of the settings is that of the one workspace they had.
    const defaults = { ...this.#settings.opencode, directory: undefined }
    const [workspace] = planWorkspaces([{ path: resolve(folderPath), ...(name && { name }), preset }], '', defaults)
    if (!workspace) throw new Error('an entry gives a workspace')
    await ensureFolder(requireFolder(workspace), preset)
    return workspace
  }

  #rename(id: string, wanted: string | undefined): Promise<Managed> {
    const { displayName: _before, ...rest } = this.#workspaces.find(id)
    const workspace = wanted ? { ...rest, name: wanted, displayName: wanted } : rest
    const { all, authorizedRoots } = this.#workspaces
    const workspaces = all.map(item => (item.id === id ? workspace : item))
    return this.#keep(workspace, { workspaces, authorizedRoots })
  }

  #remove(id: string): Promise<Managed> {
    const workspace = this.#workspaces.find(id)
    const { all, authorizedRoots } = this.#workspaces
    return this.#keep(workspace, {
      workspaces: all.filter(item => item !== workspace),
      authorizedRoots: authorizedRoots.filter(root => root !== workspace.path),
    })
  }

  /** Writes the list down and publishes it. */
  async #keep(workspace: Workspace, { workspaces, authorizedRoots }: PublishedSettings): Promise<Managed> {
    const managed = { workspaces: workspaces.map(workspaceEntryOf), authorizedRoots }
    const persisted = await writeManagedSettings(this.#settings.configPath, managed)
    this.#firstListed = workspaces[0]?.id
    this.#publish({ workspaces, authorizedRoots })
    return { workspace, persisted }
  }

  /** Activates this one, if it is listed. */
  async #readAnew(wantedId?: string): Promise<void> {
    const { configPath } = this.#settings
    const file = await readConfigFile(configPath)
    if (!file) throw new OpenworkError('invalid_config', `${configPath}: there is no such file`)
    const { workspaces, authorizedRoots } = publishedBy(file, this.#settings)
    const first = workspaces[0]?.id
    const activeId = wantedId ?? (first === this.#firstListed ? this.#workspaces.active?.id : first)
    this.#firstListed = first
    const active = workspaces.find(({ id }) => id === activeId)
    this.#publish({ workspaces: active ? withFirst(workspaces, active) : workspaces, authorizedRoots })
  }

  #publish({ workspaces, authorizedRoots }: PublishedSettings): void {
    this.#onChange(this.#workspaces.replace(workspaces, authorizedRoots))
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
    case 'ENOENT': // in /proc, or where somebody takes it away again
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
