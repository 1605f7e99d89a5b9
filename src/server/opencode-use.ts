import type { WorkspaceActivity } from '../api/control.ts'

/** A workspace that was not asked for anything so long counts as begun anew. */
const QUIET_MS = 5_000

type Activity = WorkspaceActivity['items'][number]

type UseOptions = {
  /** Somebody begins to use a workspace, after a while without. False: nobody has heard of it. */
  onBegin: ((workspaceId: string, atMs: number) => Promise<boolean>) | undefined
  /** The first time in the life of this server. */
  onFirst(workspaceId: string): void
}

/**
 * Who uses opencode through this server, counted by workspace: whoever keeps opencode's memory in bounds lets those in
 * peace that are in use. Costs a microsecond for each request.
 */
export class OpencodeUse {
  readonly #options: UseOptions
  readonly #counts = new Map<string, Counts>()

  constructor(options: UseOptions) {
    this.#options = options
  }

  /** A request is passed on. `isQuestion`: about opencode as a whole; it says nothing of the workspace. */
  begin(workspaceId: string, { isQuestion }: { isQuestion: boolean }): UseOfOne {
    let counts = this.#counts.get(workspaceId)
    if (!counts) {
      counts = new Counts()
      this.#counts.set(workspaceId, counts)
      this.#options.onFirst(workspaceId)
    }
    if (!isQuestion) this.#used(workspaceId, counts)
    return new UseOfOne(counts)
  }

  of(workspaceId: string): Activity {
    const { lastRequestAt = null, openRequests = 0, listeners = 0 } = this.#counts.get(workspaceId) ?? {}
    return { workspaceId, lastRequestAt, openRequests, listeners }
  }

  forget(workspaceId: string): void {
    this.#counts.delete(workspaceId)
  }

  #used(workspaceId: string, counts: Counts): void {
    const nowMs = performance.now()
    const wasQuiet = nowMs - counts.usedMs >= QUIET_MS
    counts.usedMs = nowMs
    counts.lastRequestAt = Date.now()
    const { onBegin } = this.#options
    if (!onBegin || counts.isTelling) return
    // Who was not heard tries again, but no more often.
    if (!wasQuiet && (counts.isTold || nowMs - counts.triedMs < QUIET_MS)) return
    counts.triedMs = nowMs
    counts.isTelling = true
    void onBegin(workspaceId, counts.lastRequestAt).then(isTold => {
      counts.isTold = isTold
      counts.isTelling = false
    })
  }
}

class Counts {
  lastRequestAt: number | null = null
  openRequests = 0
  listeners = 0
  /** `performance.now()`, as all that is compared: the clock may be set. */
  usedMs = Number.NEGATIVE_INFINITY
  triedMs = Number.NEGATIVE_INFINITY
  isTelling = false
  isTold = false
}

/** One request, or what became of it: a stream of events, which is another thing. */
class UseOfOne {
  readonly #counts: Counts
  #is: 'request' | 'listener' | 'over' = 'request'

  constructor(counts: Counts) {
    this.#counts = counts
    counts.openRequests += 1
  }

  listens(): void {
    if (this.#is !== 'request') return
    this.#is = 'listener'
    this.#counts.openRequests -= 1
    this.#counts.listeners += 1
  }

  /** May be called again. */
  end(): void {
    if (this.#is === 'request') this.#counts.openRequests -= 1
    if (this.#is === 'listener') this.#counts.listeners -= 1
    this.#is = 'over'
  }
}
