export type Direction = 'up' | 'down'

export type LocalFile = { readonly size: number; readonly hash: string }
export type RemoteFile = { readonly size: number; readonly revision: string }

/** What a file was on both sides when they were last known to be the same. */
export type SyncedFile = { readonly hash: string; readonly revision: string }

export type Action =
  /** The target has nothing there. */
  | { readonly do: 'create'; readonly path: string }
  /** The target is as the last sync left it, the source is not. */
  | { readonly do: 'update'; readonly path: string }
  /** The target holds something no sync put there: the same as the source, or else a conflict. */
  | { readonly do: 'compare'; readonly path: string }
  /** Gone at the source, and at the target as the last sync left it. */
  | { readonly do: 'delete'; readonly path: string }
  | { readonly do: 'skip'; readonly path: string; readonly reason: string }

export type Skipped = Extract<Action, { do: 'skip' }>

export type SyncInput = {
  readonly direction: Direction
  readonly local: ReadonlyMap<string, LocalFile>
  readonly remote: ReadonlyMap<string, RemoteFile>
  readonly synced: ReadonlyMap<string, SyncedFile>
  /** What could not be looked at, on either side: nothing is done there or below, least of all a deletion. */
  readonly unknown: readonly Skipped[]
  /** Whether files that are gone at the source are deleted at the target. */
  readonly deletes: boolean
  readonly maxBytes: number
}

export type SyncPlan = {
  /** By path. */
  readonly actions: readonly Action[]
  readonly unchanged: number
  /** Files of the target that the source does not have and that stay. */
  readonly extra: number
}

/** Decides what makes the target a mirror of the source without losing anything a sync did not put there itself. */
export function planSync(input: SyncInput): SyncPlan {
  const { direction, local, remote, synced, deletes, maxBytes } = input
  const [source, target] = direction === 'up' ? [local, remote] : [remote, local]
  const blocked = new Blocked(input.unknown, target)
  const actions: Action[] = [...input.unknown]
  let unchanged = 0
  let extra = 0

  const isAsSynced = (path: string, side: 'source' | 'target'): boolean => {
    const last = synced.get(path)
    if (!last) return false
    return (side === 'source') === (direction === 'up')
      ? local.get(path)?.hash === last.hash
      : remote.get(path)?.revision === last.revision
  }
  const compare = (path: string): Action =>
    // A copy of it would have to be read from the server first.
    direction === 'up' && (remote.get(path)?.size ?? 0) > maxBytes
      ? skip(path, `what is there is larger than ${maxBytes} bytes and cannot be kept as a copy`)
      : { do: 'compare', path }
  const decide = (path: string): void => {
    if (blocked.isUnknown(path)) return
    const from = source.get(path)
    if (!from) {
      const isOurs = isAsSynced(path, 'target')
      // A wrong prefix, a disk that is not mounted: an empty source is more often a mistake than a wish.
      if (deletes && source.size === 0) actions.push(skip(path, 'not deleted: the source is empty'))
      else if (deletes && isOurs) actions.push({ do: 'delete', path })
      else if (deletes) actions.push(skip(path, 'not deleted: no sync put it there, or it was changed since'))
      else extra += 1
      return
    }
    const obstacle = blocked.by(path)
    if (from.size > maxBytes) actions.push(skip(path, `larger than ${maxBytes} bytes`))
    else if (obstacle !== undefined) actions.push(skip(path, obstacle))
    else if (!target.has(path)) actions.push({ do: 'create', path })
    else if (!isAsSynced(path, 'target')) actions.push(compare(path))
    else if (isAsSynced(path, 'source')) unchanged += 1
    else actions.push({ do: 'update', path })
  }

  for (const path of new Set([...source.keys(), ...target.keys()])) decide(path)
  return { actions: actions.sort(byPath), unchanged, extra }
}

const skip = (path: string, reason: string): Skipped => ({ do: 'skip', path, reason })

const byPath = (a: Action, b: Action): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)

/** Where nothing can be put: below what is unknown, and where a file would need a folder or a folder a file. */
class Blocked {
  readonly #unknown: ReadonlySet<string>
  readonly #files: ReadonlyMap<string, unknown>
  readonly #folders: ReadonlySet<string>

  constructor(unknown: readonly Skipped[], target: ReadonlyMap<string, unknown>) {
    this.#unknown = new Set(unknown.map(({ path }) => path))
    this.#files = target
    this.#folders = new Set([...target.keys()].flatMap(foldersOf))
  }

  isUnknown(path: string): boolean {
    return this.#unknown.has(path) || foldersOf(path).some(folder => this.#unknown.has(folder))
  }

  by(path: string): string | undefined {
    if (this.#folders.has(path)) return 'there is a folder of this name on the other side'
    const file = foldersOf(path).find(folder => this.#files.has(folder))
    return file === undefined ? undefined : `${file} is a file on the other side`
  }
}

/** `a/b/c` → `a`, `a/b`. */
function foldersOf(path: string): string[] {
  const folders: string[] = []
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) folders.push(path.slice(0, end))
  return folders
}
