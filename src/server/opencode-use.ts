import type { WorkspaceActivity } from '../api/control.ts'

/** A workspace that was not asked for anything so long counts as begun anew. */
const QUIET_MS = 5_000
/**
 * opencode (1.18.33) takes a prompt with 204 and shows its session as busy later: up to 0.4 s, in an instance that has just
 * been made 3.5 s, on two cores that were busy. So long nobody can tell whether it works.
 */
const UNSEEN_WORK_MS = 5_000

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

  /**
   * A request is passed on. `isQuestion`: about opencode as a whole; it says nothing of the workspace. `isWrite`: it may
   * begin work.
   */
  begin(workspaceId: string, { isQuestion, isWrite }: { isQuestion: boolean; isWrite: boolean }): UseOfOne {
    let counts = this.#counts.get(workspaceId)
    if (!counts) {
      counts = new Counts()
      this.#counts.set(workspaceId, counts)
      this.#options.onFirst(workspaceId)
    }
    if (!isQuestion) this.#used(workspaceId, counts)
    return new UseOfOne(counts, isWrite)
  }

  of(workspaceId: string): Activity {
    const { lastRequestAt = null, openRequests = 0, listeners = 0 } = this.#counts.get(workspaceId) ?? {}
    return { workspaceId, lastRequestAt, openRequests, listeners }
  }

  /** Requests of any kind that are open. */
  openOf(workspaceIds: Iterable<string>): number {
    return this.#sum(workspaceIds, ({ openRequests }) => openRequests)
  }

  /** Requests whose work opencode may not show yet: those that write and are open, and prompts it has only just taken. */
  unseenWorkOf(workspaceIds: Iterable<string>): number {
    const nowMs = performance.now()
    return this.#sum(workspaceIds, ({ openWrites, leftWorkMs }) =>
      Math.max(openWrites, nowMs - leftWorkMs < UNSEEN_WORK_MS ? 1 : 0),
    )
  }

  forget(workspaceId: string): void {
    this.#counts.delete(workspaceId)
  }

  #sum(workspaceIds: Iterable<string>, numberOf: (counts: Counts) => number): number {
    let sum = 0
    for (const id of workspaceIds) {
      const counts = this.#counts.get(id)
      if (counts) sum += numberOf(counts)
    }
    return sum
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
  /** Of these. */
  openWrites = 0
  listeners = 0
  /** When a request ended last whose work goes on. */
  leftWorkMs = Number.NEGATIVE_INFINITY
  /** `performance.now()`, as all that is compared: the clock may be set. */
  usedMs = Number.NEGATIVE_INFINITY
  triedMs = Number.NEGATIVE_INFINITY
  isTelling = false
  isTold = false
}

/** One request, or what became of it: a stream of events, which is another thing. */
class UseOfOne {
  readonly #counts: Counts
  readonly #isWrite: boolean
  #is: 'request' | 'listener' | 'over' = 'request'

  constructor(counts: Counts, isWrite: boolean) {
    this.#counts = counts
    this.#isWrite = isWrite
    counts.openRequests += 1
    if (isWrite) counts.openWrites += 1
  }

  listens(): void {
    if (this.#is !== 'request') return
    this.#close()
    this.#is = 'listener'
    this.#counts.listeners += 1
  }

  /** May be called again. `leavesWork`: its work may have only begun. */
  end({ leavesWork }: { leavesWork: boolean }): void {
    if (this.#is === 'request') {
      this.#close()
      if (leavesWork) this.#counts.leftWorkMs = performance.now()
    }
    if (this.#is === 'listener') this.#counts.listeners -= 1
    this.#is = 'over'
  }

  #close(): void {
    this.#counts.openRequests -= 1
    if (this.#isWrite) this.#counts.openWrites -= 1
  }
}
