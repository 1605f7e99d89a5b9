import { basename, dirname, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Scope } from '../api/tokens.ts'
import type { Workspace } from '../api/workspaces.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { WorkspaceEntry } from './config-file.ts'
import { sha256Hex } from './digest.ts'
import { realPathOf } from './real-path.ts'
import { Roots } from './roots.ts'

/** What is known of the opencode behind the whole server, for local workspaces that do not say it themselves. */
export type OpencodeDefaults = {
  baseUrl: string | undefined
  directory: string | undefined
  username: string | undefined
  password: string | undefined
}

/** The workspaces this server publishes. The first one is the active one: what unmounted `/opencode` reaches. */
export class Workspaces {
  #items: readonly Workspace[] = []
  #byId: ReadonlyMap<string, Workspace> = new Map()
  #byPath: ReadonlyMap<string, Workspace> = new Map()
  #roots: Roots

  constructor(items: readonly Workspace[], authorizedRoots: readonly string[]) {
    this.#roots = new Roots(authorizedRoots)
    this.#publish(items)
  }

  get all(): readonly Workspace[] {
    return this.#items
  }

  get active(): Workspace | undefined {
    return this.#items[0]
  }

  get authorizedRoots(): readonly string[] {
    return this.#roots.given
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** Whether authorized or not. Throws `workspace_not_found`. */
  find(id: string): Workspace {
    const found = this.#byId.get(id)
    if (found) return found
    throw new OpenworkError('workspace_not_found', `No workspace has the id "${id}"`)
  }

  /** The local one that a folder is, or lies in, by its name: no link is followed. */
  holding(path: string): Workspace | undefined {
    for (let folder = resolve(path); ; folder = dirname(folder)) {
      const found = this.#byPath.get(folder)
      if (found || folder === dirname(folder)) return found
    }
  }

  /** Throws `workspace_not_found`, or `workspace_unauthorized` for one outside the authorized roots. */
  require(id: string): Workspace {
    const found = this.find(id)
    if (found.workspaceType === 'local' && !this.isAuthorized(found.path))
      throw new OpenworkError('workspace_unauthorized', `Workspace "${id}" is outside the authorized roots`)
    return found
  }

  /** Where the authorized roots really were when they were authorized: one that becomes a link authorizes nothing else. */
  get roots(): Roots {
    return this.#roots
  }

  /**
   * Whether a folder equals an authorized root or lies below one, all links followed as they are now: a folder, a root
   * too, may become a link at any time. Costs some 10 µs.
   */
  isAuthorized(path: string): boolean {
    return this.#roots.hold(realPathOf(path))
  }

  /** Makes a workspace the first one, for this process only. Throws as `require`. */
  activate(id: string): Workspace {
    const chosen = this.require(id)
    this.#publish(withFirst(this.#items, chosen))
    return chosen
  }

  /**
   * From now on these are published, in this order, as far as they lie in these roots. Those it gives back are gone, or
   * are something else under the same id.
   */
  replace(items: readonly Workspace[], authorizedRoots: readonly string[]): Workspace[] {
    const before = this.#items
    this.#roots = new Roots(authorizedRoots, this.#roots)
    this.#publish(items)
    return before.filter(workspace => !isSamePlace(workspace, this.#byId.get(workspace.id)))
  }

  #publish(items: readonly Workspace[]): void {
    this.#items = items
    this.#byId = new Map(items.map(workspace => [workspace.id, workspace]))
    this.#byPath = new Map(items.flatMap(workspace => (isLocal(workspace) ? [[workspace.path, workspace]] : [])))
  }
}

const isLocal = ({ workspaceType }: Workspace): boolean => workspaceType === 'local'

/** The same ones, this one before the others. */
export const withFirst = (items: readonly Workspace[], first: Workspace): Workspace[] => [
  first,
  ...items.filter(({ id }) => id !== first.id),
]

/** The same files behind the same opencode, by whatever name. */
const isSamePlace = (a: Workspace, b: Workspace | undefined): boolean =>
  b !== undefined && a.path === b.path && isDeepStrictEqual(a.opencode, b.opencode)

/** What a caller of a scope may see: viewers get no credentials, neither opencode's nor a peer server's. */
export function visibleTo(scope: Scope, workspace: Workspace): Workspace {
  if (scope !== 'viewer') return workspace
  const { openworkToken: _token, opencode, ...rest } = workspace
  if (!opencode) return rest
  const { username: _username, password: _password, ...connection } = opencode
  return { ...rest, opencode: connection }
}

/**
 * The workspaces of the settings: paths made absolute against `base`, ids and names filled in, opencode settings
 * inherited by local ones. Of two with one id the first stays.
 */
export function planWorkspaces(
  entries: readonly WorkspaceEntry[],
  base: string,
  defaults: OpencodeDefaults,
): Workspace[] {
  const directory = entries.length === 1 ? defaults.directory : undefined
  const byId = new Map<string, Workspace>()
  for (const entry of entries) {
    const workspace = planWorkspace(entry, base, { ...defaults, directory })
    if (!byId.has(workspace.id)) byId.set(workspace.id, workspace)
  }
  return [...byId.values()]
}

function planWorkspace(entry: WorkspaceEntry, base: string, defaults: OpencodeDefaults): Workspace {
  const { opencodeUsername, opencodePassword, ...own } = entry
  const workspaceType = entry.workspaceType ?? 'local'
  if (workspaceType === 'local' && !entry.path)
    throw new OpenworkError(
      'invalid_config',
      `A local workspace has no path: ${JSON.stringify(entry.name ?? entry.id ?? '')}`,
    )
  const isLocal = workspaceType === 'local'
  // A remote one's is on its own machine: here no files are reached by it.
  const path = isLocal && entry.path ? resolve(base, entry.path) : ''
  // What is known of the opencode here is nobody else's business: a remote one has its own address and credentials, or none.
  const inherited = isLocal ? defaults : undefined
  const baseUrl = entry.baseUrl ?? inherited?.baseUrl
  const directory = entry.directory ?? (isLocal ? defaults.directory : entry.path || undefined)
  const opencode = definedOnly({
    baseUrl,
    directory: directory ?? (path || undefined),
    username: opencodeUsername ?? inherited?.username,
    password: opencodePassword ?? inherited?.password,
  })
  return {
    ...definedOnly({ ...own, baseUrl, directory }),
    id: entry.id || workspaceId({ ...entry, workspaceType, path }),
    name: workspaceName(entry, path),
    path,
    preset: entry.preset ?? (isLocal ? 'starter' : 'remote'),
    workspaceType,
    ...(Object.keys(opencode).length > 0 && { opencode }),
  }
}

function workspaceName(entry: WorkspaceEntry, path: string): string {
  const place = path || entry.directory || entry.baseUrl
  return entry.name || entry.displayName || entry.openworkWorkspaceName || (place && basename(place)) || 'Workspace'
}

/** Stable over restarts and machines' order of workspaces: clients keep it. */
function workspaceId(entry: WorkspaceEntry & { path: string }): string {
  return `ws_${sha256Hex(identityOf(entry)).slice(0, 12)}`
}

function identityOf(entry: WorkspaceEntry & { path: string }): string {
  if (entry.workspaceType === 'local') return entry.path
  const parts =
    entry.remoteType === 'openwork'
      ? ['openwork', entry.openworkHostUrl ?? entry.baseUrl ?? '', entry.openworkWorkspaceId]
      : ['remote', entry.baseUrl ?? '', entry.directory]
  return parts.filter((part, index) => index < 2 || part).join('::')
}

/** The same object without its undefined members: absent on the wire means absent. */
const definedOnly = <T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>
  }

/** What the settings file keeps of a workspace. */
export function workspaceEntryOf({ opencode, path, ...own }: Workspace): WorkspaceEntry {
  const { username, password } = opencode ?? {}
  return definedOnly({
    ...own,
    path: path || undefined,
    opencodeUsername: username,
    opencodePassword: password,
  }) as WorkspaceEntry
}
