import { dirname } from 'node:path'
import type { WorkspaceActivity } from '../../api/control.ts'
import type { HotReloadStatus } from '../../api/hot-reload.ts'
import type { OpencodeEvent } from '../../api/opencode-client.ts'
import { usedIn } from '../../orchestrator/opencode-events.ts'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { type InstanceWorkspace, TrackedWorkspace } from './tracked-workspace.ts'

/** For so long after a disposal, what opencode tells of the folder is what ended with it. */
const LATE_EVENTS_MS = 1_000
/** Folders of no workspace, by clients that talk to opencode itself. */
const MAX_STRANGERS = 1_000
/** Between a disposal and the news of it. */
const NEWS_MS = 2_000

export type LiveInstancesDeps = {
  activity(): Promise<WorkspaceActivity>
  reload: ((workspace: InstanceWorkspace) => HotReloadStatus | undefined) | undefined
  log: Log
  /** A folder of it has an instance that was not known. */
  onLive(tracked: TrackedWorkspace, directory: string, sinceMs: number): void
  onGone(tracked: TrackedWorkspace, directory: string): void
  /** How long it takes to be sure that nobody uses an instance again that was disposed of. */
  settleMs: number
}

/**
 * Which folders opencode has an instance for. opencode tells no list of them, and asking about a folder makes its
 * instance: so what is known is what openwork-server, the daemon itself and opencode's events tell. A client that talks
 * to opencode directly, only reads and leaves no event is not seen; that is what leases are for. In doubt there is one.
 */
export class LiveInstances {
  readonly #deps: LiveInstancesDeps
  readonly #byId = new Map<string, TrackedWorkspace>()
  readonly #byPath = new Map<string, TrackedWorkspace>()
  readonly #strangers = new Set<string>()
  #wasConnected = false
  readonly #settling = new Set<ReturnType<typeof setTimeout>>()

  constructor(deps: LiveInstancesDeps) {
    this.#deps = deps
  }

  /** Again for one that is known: it has another name now. */
  add(workspace: InstanceWorkspace): void {
    const known = this.#byId.get(workspace.id)
    if (known) {
      known.workspace = workspace
      return
    }
    const tracked = new TrackedWorkspace(workspace)
    this.#byId.set(workspace.id, tracked)
    this.#byPath.set(workspace.path, tracked)
    this.#strangers.delete(workspace.path)
  }

  /** The one that was known. */
  remove(id: string): TrackedWorkspace | undefined {
    const tracked = this.#byId.get(id)
    if (!tracked) return undefined
    this.#byId.delete(id)
    this.#byPath.delete(tracked.workspace.path)
    return tracked
  }

  get(id: string): TrackedWorkspace | undefined {
    return this.#byId.get(id)
  }

  all(): TrackedWorkspace[] {
    return [...this.#byId.values()]
  }

  /** Folders of no workspace. */
  strangers(): string[] {
    return [...this.#strangers]
  }

  /** Those of no workspace too. */
  directories(): string[] {
    return [...this.all().flatMap(({ directories }) => directories), ...this.#strangers]
  }

  mayHaveTerminals(directory: string): boolean {
    const tracked = this.#ownerOf(directory)
    return !tracked?.has(directory) || tracked.withTerminals.has(directory)
  }

  used(tracked: TrackedWorkspace, directory: string, atMs: number): void {
    tracked.lastUsedAtMs = Math.max(tracked.lastUsedAtMs, atMs)
    this.#made(tracked, directory, atMs)
  }

  /** Made anew by ourselves, which is no use of it. It has read what was there `sinceMs`. */
  reloaded(directory: string, sinceMs: number): void {
    const tracked = this.#ownerOf(directory)
    if (!tracked) return
    tracked.reloadedAtMs.set(directory, Date.now())
    this.#made(tracked, directory, sinceMs)
  }

  gone(tracked: TrackedWorkspace, directory: string): void {
    if (tracked.forgetInstance(directory)) this.#deps.onGone(tracked, directory)
  }

  /** All of one's instances end now. A client that is busy all the time may go on without being told of: asked later. */
  disposed(tracked: TrackedWorkspace, atMs: number): void {
    tracked.disposedAtMs = atMs
    for (const directory of tracked.directories) this.gone(tracked, directory)
    if (atMs - tracked.lastUsedAtMs < this.#deps.settleMs) this.#settle(() => this.lookAtActivity())
  }

  /** So do those of all. */
  engineGone(atMs: number): void {
    this.#strangers.clear()
    for (const tracked of this.all()) {
      tracked.disposedAtMs = atMs
      for (const directory of tracked.directories) this.gone(tracked, directory)
    }
    this.#settle(() => this.lookAtActivity())
  }

  /** Whether openwork-server answered. */
  async lookAtActivity(): Promise<boolean> {
    try {
      const { items } = await this.#deps.activity()
      for (const { workspaceId, listeners, openRequests, lastRequestAt } of items) {
        const tracked = this.#byId.get(workspaceId)
        if (!tracked) continue
        Object.assign(tracked, { listeners, openRequests })
        if ((lastRequestAt ?? 0) > tracked.disposedAtMs) this.used(tracked, tracked.workspace.path, lastRequestAt ?? 0)
      }
      return true
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      this.#deps.log.debug('openwork-server does not tell who uses opencode', { reason: messageOf(error) })
      return false
    }
  }

  heard(event: OpencodeEvent): void {
    const { type, properties } = event
    const directory = usedIn(event)
    if (type === 'server.instance.disposed') this.#heardDisposed(properties.directory)
    else if (type === 'project.updated') this.#heardBoot(properties.worktree)
    else if (type === 'server.connected') this.#connected()
    else if (directory !== undefined) this.#heardUse(directory, type)
  }

  close(): void {
    for (const timer of this.#settling) clearTimeout(timer)
  }

  /** After a time without events terminals may have been opened that we were not told of. */
  #connected(): void {
    if (this.#wasConnected)
      for (const tracked of this.all())
        for (const directory of tracked.directories) tracked.withTerminals.add(directory)
    this.#wasConnected = true
  }

  #heardUse(directory: string, type: string): void {
    const atMs = Date.now()
    const tracked = this.#ownerOf(directory)
    if (!tracked) {
      if (this.#strangers.size < MAX_STRANGERS) this.#strangers.add(directory)
    } else if (atMs - tracked.disposedAtMs >= LATE_EVENTS_MS) {
      this.used(tracked, directory, atMs)
      if (type.startsWith('pty.')) tracked.withTerminals.add(directory)
    }
  }

  /** It names the root of a repository: whose folder it was is certain only where one workspace is in there. */
  #heardBoot(worktree: unknown): void {
    const tracked = typeof worktree === 'string' ? this.#byPath.get(worktree) : undefined
    if (!tracked || tracked.isLive) return
    const inside = `${tracked.workspace.path}/`
    if ([...this.#byPath.keys()].some(path => path.startsWith(inside))) return
    this.used(tracked, tracked.workspace.path, Date.now())
  }

  /**
   * Not necessarily by us, and not necessarily for long: a hot reload makes it again at once, and so does the next request
   * of a client, which openwork-server does not tell of while the client is busy. So it is believed a while later.
   */
  #heardDisposed(directory: unknown): void {
    if (typeof directory !== 'string') return
    this.#strangers.delete(directory)
    const tracked = this.#ownerOf(directory)
    if (!tracked?.has(directory)) return
    const atMs = Date.now()
    this.#settle(() => this.#believeDisposed(tracked, directory, atMs))
  }

  async #believeDisposed(tracked: TrackedWorkspace, directory: string, atMs: number): Promise<void> {
    if (tracked.lastUsedAtMs > atMs || !tracked.has(directory)) return
    // Whoever disposed of it then, a reload that ended later has made it again.
    if ((tracked.reloadedAtMs.get(directory) ?? 0) + NEWS_MS >= atMs) return
    const reload = directory === tracked.workspace.path ? this.#deps.reload?.(tracked.workspace) : undefined
    if (reload?.state === 'reloading') return this.#settle(() => this.#believeDisposed(tracked, directory, atMs))
    if (reload && reload.problems.length > 0) return
    if (!(await this.lookAtActivity()) || tracked.lastUsedAtMs > atMs) return
    if (directory === tracked.workspace.path) tracked.disposedAtMs = Math.max(tracked.disposedAtMs, atMs)
    this.gone(tracked, directory)
    tracked.presumedGoneAtMs.set(directory, atMs)
  }

  #settle(finish: () => Promise<unknown>): void {
    const timer = setTimeout(() => {
      this.#settling.delete(timer)
      void finish()
    }, this.#deps.settleMs)
    timer.unref()
    this.#settling.add(timer)
  }

  #made(tracked: TrackedWorkspace, directory: string, atMs: number): void {
    if (tracked.noteInstance(directory, atMs))
      this.#deps.onLive(tracked, directory, Math.min(atMs, this.#readSinceMs(tracked, directory, atMs)))
  }

  /**
   * Since when it may have been there, unknown to us, and have read its files. Too early costs a reload for nothing, too
   * late a change that is never taken over.
   */
  #readSinceMs(tracked: TrackedWorkspace, directory: string, atMs: number): number {
    const presumedGoneAtMs = tracked.presumedGoneAtMs.get(directory)
    tracked.presumedGoneAtMs.delete(directory)
    if (presumedGoneAtMs !== undefined) return presumedGoneAtMs
    const { disposedAtMs } = tracked
    return atMs - disposedAtMs <= this.#deps.settleMs + NEWS_MS ? disposedAtMs : atMs
  }

  /** The workspace whose folder it is, or the nearest one above. */
  #ownerOf(directory: string): TrackedWorkspace | undefined {
    for (let path = directory; ; path = dirname(path)) {
      const tracked = this.#byPath.get(path)
      if (tracked || path === dirname(path)) return tracked
    }
  }
}
