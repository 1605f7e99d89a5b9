import type { WorkspaceActivity } from '../api/control.ts'

/** A workspace that was not asked for anything so long counts as begun anew. */
const QUIET_MS = 5_000
/**
 * opencode (1.18.33) takes a prompt with 204 and shows its session as busy later: up to 0.4 s, in an instance that has just
 * been made 3.5 s, on two cores that were busy. So long nobody can tell whether it works.
 */
const UNSEEN_WORK_MS = 5_000
/** Most requests are answered sooner; what is open for longer, a prompt say, may go on for an hour. */
const PATIENCE_MS = 1_000

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
    const { lastRequestAt = null, open, listeners = 0 } = this.#counts.get(workspaceId) ?? {}
    return { workspaceId, lastRequestAt, openRequests: open?.size ?? 0, listeners }
  }

  /**
   * The requests whose work opencode may not show yet: those that write and are open, and prompts that it has only just
   * taken. Undefined when that is to be asked again in a moment: something is open that will be answered soon.
   */
  unseenWorkOf(workspaceIds: Iterable<string>): number | undefined {
    const nowMs = performance.now()
    const all = [...workspaceIds].flatMap(id => this.#counts.get(id) ?? [])
    const open = all.flatMap(({ open }) => [...open])
    const isYoung = ({ sinceMs }: UseOfOne): boolean => nowMs - sinceMs < PATIENCE_MS
    const taken = all.filter(({ leftWorkMs }) => nowMs - leftWorkMs < UNSEEN_WORK_MS).length
    const unseen = taken + open.filter(each => each.isWrite && !isYoung(each)).length
    return unseen === 0 && open.some(isYoung) ? undefined : unseen
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
  readonly open = new Set<UseOfOne>()
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
  readonly isWrite: boolean
  readonly sinceMs = performance.now()
  readonly #counts: Counts
  #is: 'request' | 'listener' | 'over' = 'request'

  constructor(counts: Counts, isWrite: boolean) {
    this.#counts = counts
    this.isWrite = isWrite
    counts.open.add(this)
  }

  listens(): void {
    if (this.#is !== 'request') return
    this.#counts.open.delete(this)
    this.#is = 'listener'
    this.#counts.listeners += 1
  }

  /** May be called again. `leavesWork`: its work may have only begun. */
  end({ leavesWork }: { leavesWork: boolean }): void {
    if (this.#is === 'request') {
      this.#counts.open.delete(this)
      if (leavesWork) this.#counts.leftWorkMs = performance.now()
    }
    if (this.#is === 'listener') this.#counts.listeners -= 1
    this.#is = 'over'
  }
}
