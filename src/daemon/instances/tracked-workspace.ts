import type { ConfigProblem, EngineWork } from '../../api/hot-reload.ts'
import { amountOf } from '../../hot-reload/engine-work.ts'
import type { InstanceUse } from './eviction-policy.ts'

/** A local workspace, as far as it matters here. `path` is absolute and real. */
export type InstanceWorkspace = { readonly id: string; readonly path: string; readonly name: string }

/** What is known of a workspace's instances: that of its own folder, and those of folders below it. */
export class TrackedWorkspace {
  workspace: InstanceWorkspace
  lastUsedAtMs = 0
  /** Something held it until then, or, as a lease does, will. */
  heldUntilMs = 0
  /** When all of its instances last ended: what openwork-server or opencode tell of before that is old news. */
  disposedAtMs = 0
  evictions = 0
  /** As of the last look. */
  work: EngineWork | undefined
  openRequests = 0
  listeners = 0
  /** What opencode refused its folders for, as of the last look. */
  problems: readonly ConfigProblem[] = []
  /** Folders in which somebody opened a terminal, or may have. */
  readonly withTerminals = new Set<string>()
  /** When a reload of a folder last ended. */
  readonly reloadedAtMs = new Map<string, number>()
  /** Folders whose instance others disposed of, as it seems, and when. */
  readonly presumedGoneAtMs = new Map<string, number>()
  readonly #liveSinceMs = new Map<string, number>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(workspace: InstanceWorkspace) {
    this.workspace = workspace
  }

  get directories(): string[] {
    return [...this.#liveSinceMs.keys()]
  }

  get isLive(): boolean {
    return this.#liveSinceMs.size > 0
  }

  has(directory: string): boolean {
    return this.#liveSinceMs.has(directory)
  }

  /** Whether that was not known. */
  noteInstance(directory: string, atMs: number): boolean {
    if (this.#liveSinceMs.has(directory)) return false
    this.#liveSinceMs.set(directory, atMs)
    return true
  }

  /** Whether there was one. */
  forgetInstance(directory: string): boolean {
    const was = this.#liveSinceMs.delete(directory)
    this.withTerminals.delete(directory)
    if (this.#liveSinceMs.size === 0) {
      this.work = undefined
      this.problems = []
    }
    return was
  }

  /**
   * What asks opencode about its folders, or disposes of them, does so one after the other: a question that arrives just
   * after a disposal would make an instance that nobody knows of.
   */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => {})
    return mine
  }

  /** Something holds it now, or that cannot be found out. False, for those who ask whether it was let go. */
  keep(nowMs: number): false {
    this.heldUntilMs = Math.max(this.heldUntilMs, nowMs)
    return false
  }

  use(leases: number, isBroken: boolean): InstanceUse {
    return {
      liveSinceMs: this.isLive ? Math.max(...this.#liveSinceMs.values()) : undefined,
      lastUsedAtMs: this.lastUsedAtMs,
      heldUntilMs: this.heldUntilMs,
      work: this.work ? amountOf(this.work) : 0,
      openRequests: this.openRequests,
      listeners: this.listeners,
      leases,
      isBroken,
      isRefused: this.problems.length > 0,
    }
  }
}
