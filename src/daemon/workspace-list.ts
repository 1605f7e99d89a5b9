import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, resolve } from 'node:path'
import type { DaemonEvent, DaemonWorkspace } from '../api/daemon.ts'
import { ensureWorkspace, findWorkspace } from '../orchestrator/workspace.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { DaemonState } from './daemon-state.ts'
import { type KeptCredentials, mask } from './remote-credentials.ts'
import type { StateFile } from './state-file.ts'
import { localWorkspaceId, parseRemoteUrl, type RemoteCredentials, remoteWorkspaceId } from './workspace-id.ts'

export const MAX_WORKSPACES = 1_000

/** Of when a workspace was last used the file may be so far behind: not every request is worth a write. */
const NOTE_USE_MS = 60_000

type ListDeps = {
  state: StateFile
  credentials: KeptCredentials
  log: Log
  /** Called with the list as it is about to be, the active one first. What it throws takes the change back. */
  publish(workspaces: readonly DaemonWorkspace[]): Promise<void>
  onEvent(event: DaemonEvent): void
}

/** `wasListed`: it is one of those that were there. `notes`: for whoever asked. */
export type Added = { workspace: DaemonWorkspace; wasListed: boolean; created: boolean; notes: string[] }
export type AddFolder = { path: string; name: string | undefined }
export type AddRemote = {
  baseUrl: string
  directory: string | undefined
  name: string | undefined
  /** Instead of those in the URL. */
  credentials: RemoteCredentials | undefined
}

/**
 * The workspaces of a daemon. Changes are one after the other; each is on disk and published when it resolves, or did not
 * happen: all of them throw `disk_full` and `data_dir_unusable`.
 */
export class WorkspaceList {
  readonly #deps: ListDeps
  /** Later than what the file says. */
  readonly #usedAt = new Map<string, number>()
  #noteUse: Timer | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: ListDeps) {
    this.#deps = deps
  }

  get activeId(): string {
    return this.#deps.state.state.activeId
  }

  /** In the order in which they were added. */
  get all(): DaemonWorkspace[] {
    return this.#deps.state.state.workspaces.map(record => this.#shown(record))
  }

  get size(): number {
    return this.#deps.state.state.workspaces.length
  }

  /**
   * By its id, else its name, else its folder.
   * @throws OpenworkError workspace_not_found, workspace_ambiguous
   */
  find(wanted: string): DaemonWorkspace {
    const all = this.all
    const byId = all.find(({ id }) => id === wanted)
    if (byId) return byId
    const [named, ...more] = all.filter(({ name }) => name === wanted)
    if (named && more.length > 0) throw ambiguous(wanted, [named, ...more])
    const found = named ?? (isAbsolute(wanted) ? findByPath(all, wanted) : undefined)
    if (found) return found
    throw new OpenworkError('workspace_not_found', `The daemon has no workspace "${wanted}"`, {
      hint: 'See those it has with `openwork workspace list`.',
    })
  }

  /**
   * Lists a folder, made when it is missing and the one above is not. One that is listed already keeps its id and age.
   * @throws OpenworkError invalid_payload, workspace_not_found, workspace_not_a_folder, workspace_unusable,
   *   workspace_limit_reached
   */
  add({ path, name }: AddFolder): Promise<Added> {
    return this.#inTurn(async () => {
      if (!isAbsolute(path) || path.includes('\0'))
        throw new OpenworkError('invalid_payload', 'path: an absolute path is needed')
      const known = findByPath(this.all, path)
      if (!known) this.#requireRoom()
      const { path: real, created } = ensureListed(resolve(path))
      const own = this.all.find(workspace => workspace.workspaceType === 'local' && workspace.path === real)
      const workspace = await this.#put({
        ...own,
        id: own?.id ?? localWorkspaceId(real),
        name: name ?? own?.name ?? usualName({ path: real }),
        path: real,
        workspaceType: 'local',
        createdAt: own?.createdAt ?? Date.now(),
      })
      return { workspace, wasListed: own !== undefined, created, notes: this.#notesOn(workspace) }
    })
  }

  /**
   * Lists a folder of another opencode. One that is listed already keeps its age, and its credentials unless others come.
   * @throws OpenworkError invalid_payload, workspace_limit_reached
   */
  addRemote({ baseUrl: given, directory, name, credentials }: AddRemote): Promise<Added> {
    return this.#inTurn(async () => {
      const { baseUrl, credentials: inUrl } = parseRemoteUrl(given)
      const id = remoteWorkspaceId(baseUrl, directory)
      const own = this.all.find(workspace => workspace.id === id)
      if (!own) this.#requireRoom()
      const kept = credentials ?? inUrl
      if (kept) mask(kept, this.#deps.log)
      // First: one that is listed and cannot be asked would be the worse half.
      if (kept) await this.#deps.credentials.keep(id, kept)
      const workspace = await this.#put({
        ...own,
        id,
        name: name ?? own?.name ?? usualName({ path: directory ?? '', baseUrl }),
        path: directory ?? '',
        workspaceType: 'remote',
        baseUrl,
        ...(directory !== undefined && { directory }),
        createdAt: own?.createdAt ?? Date.now(),
      })
      return { workspace, wasListed: own !== undefined, created: false, notes: this.#notesOn(workspace) }
    })
  }

  /** @throws OpenworkError workspace_not_found, workspace_ambiguous */
  activate(wanted: string): Promise<DaemonWorkspace> {
    return this.#inTurn(async () => {
      const { id } = this.find(wanted)
      this.#usedAt.set(id, Date.now())
      await this.#change(({ workspaces }) => ({ activeId: id, workspaces: this.#withUse(workspaces) }))
      const workspace = this.find(id)
      this.#deps.onEvent({ event: 'workspace.activated', data: { activeId: id, workspace } })
      return workspace
    })
  }

  /**
   * Null: it is called as when it was added without a name.
   * @throws OpenworkError workspace_not_found
   */
  rename(id: string, name: string | null): Promise<DaemonWorkspace> {
    return this.#inTurn(() => {
      const workspace = this.find(id)
      return this.#put({ ...workspace, name: name?.trim() || usualName(workspace) })
    })
  }

  /**
   * Forgets it; its files stay. The next one becomes the active one.
   * @throws OpenworkError workspace_not_found, workspace_ambiguous
   */
  remove(wanted: string): Promise<DaemonWorkspace> {
    return this.#inTurn(async () => {
      const workspace = this.find(wanted)
      await this.#change(({ activeId, workspaces }) => {
        const index = workspaces.findIndex(({ id }) => id === workspace.id)
        const rest = workspaces.filter(({ id }) => id !== workspace.id)
        const next = rest[index] ?? rest[0]
        return { activeId: activeId === workspace.id ? (next?.id ?? '') : activeId, workspaces: rest }
      })
      this.#usedAt.delete(workspace.id)
      await this.#deps.credentials
        .keep(workspace.id, undefined)
        .catch(error =>
          this.#deps.log.warn('credentials of a removed workspace are still kept', { reason: String(error) }),
        )
      this.#deps.onEvent({ event: 'workspace.removed', data: { activeId: this.activeId, workspace } })
      return workspace
    })
  }

  /** Written down within a minute. Nothing for one that is not listed. */
  used(id: string, atMs: number): void {
    const before = this.#deps.state.state.workspaces.find(workspace => workspace.id === id)
    if (!before || atMs <= (this.#usedAt.get(id) ?? before.lastUsedAt ?? 0)) return
    this.#usedAt.set(id, atMs)
    this.#noteUse ??= setTimeout(() => void this.noteUse(), NOTE_USE_MS).unref()
  }

  /** Writes down when each was last used. Never rejects: that is not worth a failure. */
  async noteUse(): Promise<void> {
    clearTimeout(this.#noteUse)
    this.#noteUse = undefined
    const noted = this.#inTurn(() =>
      this.#deps.state.change(state =>
        this.#usedAt.size === 0 ? state : { ...state, workspaces: this.#withUse(state.workspaces) },
      ),
    )
    await noted.catch(error => this.#deps.log.debug('last use could not be written', { reason: String(error) }))
  }

  #shown(record: DaemonWorkspace): DaemonWorkspace {
    const { id, name, path, workspaceType, baseUrl, directory, createdAt } = record
    const lastUsedAt = this.#usedAt.get(id) ?? record.lastUsedAt
    return {
      id,
      name,
      path,
      workspaceType,
      ...(baseUrl !== undefined && { baseUrl }),
      ...(directory !== undefined && { directory }),
      createdAt,
      ...(lastUsedAt !== undefined && { lastUsedAt }),
    }
  }

  /** Two of one name are allowed: folders in different places are often called alike. */
  #notesOn({ id, name }: DaemonWorkspace): string[] {
    const others = this.all.filter(other => other.name === name && other.id !== id)
    const ids = others.map(other => other.id).join(', ')
    return others.length === 0 ? [] : [`"${name}" is the name of ${ids} too: tell them apart by id or path`]
  }

  #requireRoom(): void {
    if (this.size < MAX_WORKSPACES) return
    throw new OpenworkError('workspace_limit_reached', `The daemon has ${MAX_WORKSPACES} workspaces already`, {
      hint: 'Remove one that is not used: openwork workspace remove.',
    })
  }

  #withUse(workspaces: readonly DaemonWorkspace[]): DaemonWorkspace[] {
    return workspaces.map(record => {
      const lastUsedAt = this.#usedAt.get(record.id)
      return lastUsedAt === undefined ? record : { ...record, lastUsedAt }
    })
  }

  /** In the place of the one of its id, else at the end. The first one there is becomes active. */
  async #put(workspace: DaemonWorkspace): Promise<DaemonWorkspace> {
    await this.#change(({ activeId, workspaces }) => {
      const isListed = workspaces.some(({ id }) => id === workspace.id)
      const put = (record: DaemonWorkspace) => (record.id === workspace.id ? { ...record, ...workspace } : record)
      return {
        activeId: activeId || workspace.id,
        workspaces: isListed ? workspaces.map(put) : [...workspaces, workspace],
      }
    })
    this.#deps.onEvent({ event: 'workspace.added', data: { activeId: this.activeId, workspace } })
    return workspace
  }

  async #change(next: (list: ListPart) => ListPart): Promise<void> {
    const { state, publish } = this.#deps
    const { activeId, workspaces } = state.state
    await state.change(whole => ({ ...whole, ...next(whole) }))
    try {
      await publish(activeFirst(state.state.activeId, this.all))
    } catch (error) {
      // What has just been longer fits again.
      await state.change(whole => ({ ...whole, activeId, workspaces })).catch(() => {})
      throw error
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {}) // its own caller is told; the next change does not depend on it
    return turn
  }
}

type ListPart = Pick<DaemonState, 'activeId' | 'workspaces'>

export const activeFirst = (activeId: string, all: readonly DaemonWorkspace[]): DaemonWorkspace[] => [
  ...all.filter(({ id }) => id === activeId),
  ...all.filter(({ id }) => id !== activeId),
]

/** What it is called as long as nobody gives it a name. */
function usualName({ path, baseUrl }: Pick<DaemonWorkspace, 'path' | 'baseUrl'>): string {
  const folder = basename(path) || path
  if (baseUrl === undefined) return folder
  const { hostname } = new URL(baseUrl)
  return folder === '' ? hostname : `${folder}@${hostname}`
}

/** Of a folder that is gone the path as it was given is all there is to compare. */
function findByPath(all: readonly DaemonWorkspace[], wanted: string): DaemonWorkspace | undefined {
  const given = resolve(wanted)
  const real = existsSync(given) ? realpathSync(given) : given
  const local = all.filter(({ workspaceType }) => workspaceType === 'local')
  return local.find(({ path }) => path === real) ?? local.find(({ path }) => path === given)
}

type Folder = ReturnType<typeof ensureWorkspace>

/** A whole chain of folders is not made: it would be that of a typing error. */
function ensureFolder(path: string): Folder {
  if (findWorkspace(path, true) === undefined && !isFolder(dirname(path)))
    throw new OpenworkError('workspace_not_found', `There is no folder ${path}, nor the one it would be made in`, {
      hint: 'Check the path.',
    })
  return ensureWorkspace(path)
}

/** Its reasons, without the flags of a host that has one workspace. */
function ensureListed(path: string): Folder {
  try {
    return ensureFolder(path)
  } catch (error) {
    if (!(error instanceof OpenworkError) || error.code === 'workspace_not_found') throw error
    throw new OpenworkError(error.code, error.message, { cause: error, hint: 'Name another folder.' })
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

const ambiguous = (name: string, found: readonly DaemonWorkspace[]): OpenworkError =>
  new OpenworkError('workspace_ambiguous', `${found.length} workspaces are called "${name}"`, {
    hint: `Name one by its id: ${found.map(({ id }) => id).join(', ')}.`,
    details: { ids: found.map(({ id }) => id) },
  })
