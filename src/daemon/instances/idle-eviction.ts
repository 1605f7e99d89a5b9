import type { OpencodeClient } from '../../api/opencode-client.ts'
import type { Held } from '../../hot-reload/reload-engine.ts'
import { atMost } from './at-most.ts'
import type { InstancePlan } from './eviction-policy.ts'
import type { LiveInstances } from './live-instances.ts'
import { lookAtWork } from './look-at-work.ts'
import type { TrackedWorkspace } from './tracked-workspace.ts'

/** `setTimeout` takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1
const DISPOSALS_AT_A_TIME = 4

export type EvictionReason = 'idle' | 'memory'

export type IdleEvictionDeps = {
  opencode: Pick<OpencodeClient, 'work'>
  live: Pick<LiveInstances, 'all' | 'get' | 'lookAtActivity'>
  plan(tracked: TrackedWorkspace): InstancePlan
  /** New requests for it wait until what is returned is disposed of. */
  hold(tracked: TrackedWorkspace): Promise<Held | undefined>
  /** All of its instances. */
  dispose(tracked: TrackedWorkspace): Promise<unknown>
  /** It was idle for so long, and is gone. */
  onEvicted(tracked: TrackedWorkspace, evicted: { reason: EvictionReason; idleMs: number }): void
  /** An expected failure goes to the log, any other is thrown. */
  report(message: string, error: unknown): false
  /** Least idle time before an instance goes because memory is short. */
  idleForMemoryMs: number
}

/** Disposes of instances that were idle for long enough, each at its time, and of others when memory is short. */
export class IdleEviction {
  readonly #deps: IdleEvictionDeps
  #timer: ReturnType<typeof setTimeout> | undefined
  #timerDueMs = Number.POSITIVE_INFINITY
  #evicting: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(deps: IdleEvictionDeps) {
    this.#deps = deps
  }

  /** One timer, for whichever is due first. A use only moves that on, which is found out when it goes off. */
  arm(...changed: readonly TrackedWorkspace[]): void {
    const dueMs = Math.min(...changed.map(tracked => dueOf(this.#deps.plan(tracked))))
    if (dueMs >= this.#timerDueMs || this.#isClosed) return
    clearTimeout(this.#timer)
    this.#timerDueMs = dueMs
    const evict = (): void => {
      this.#timerDueMs = Number.POSITIVE_INFINITY
      this.#evicting = this.#evicting.then(() => this.#evictDue()).finally(() => this.arm(...this.#deps.live.all()))
    }
    this.#timer = setTimeout(evict, Math.min(Math.max(0, dueMs - Date.now()), MAX_TIMER_MS))
    this.#timer.unref()
  }

  /** A quarter of the idle ones, and four at least, the longest idle first. Resolves with how many went. */
  async evictForMemory(): Promise<number> {
    const { live, plan, idleForMemoryMs } = this.#deps
    const idle = live
      .all()
      .map(tracked => ({ tracked, plan: plan(tracked) }))
      .flatMap(({ tracked, plan }) => (plan.state === 'idle' ? { tracked, sinceMs: plan.sinceMs } : []))
      .filter(({ sinceMs }) => Date.now() - sinceMs >= idleForMemoryMs)
      .sort((a, b) => a.sinceMs - b.sinceMs)
    const some = idle.slice(0, Math.max(DISPOSALS_AT_A_TIME, Math.ceil(idle.length / 4)))
    let evicted = 0
    await atMost(DISPOSALS_AT_A_TIME, some, async ({ tracked }) => {
      if (await this.#evict(tracked, 'memory')) evicted += 1
    })
    return evicted
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#evicting
  }

  async #evictDue(): Promise<void> {
    const { live, plan } = this.#deps
    const due = live.all().filter(tracked => dueOf(plan(tracked)) <= Date.now())
    await atMost(DISPOSALS_AT_A_TIME, due, tracked => this.#evict(tracked, 'idle'))
  }

  /** Whether it was idle. What is known may be old: all who know are asked before. */
  #evict(tracked: TrackedWorkspace, reason: EvictionReason): Promise<boolean> {
    return tracked.inTurn(() => this.#evictInTurn(tracked, reason))
  }

  /** Whether all who know have told. First opencode, then openwork-server: a request in between is told by the second. */
  #look(tracked: TrackedWorkspace): Promise<boolean> {
    const { opencode, live, report } = this.#deps
    return lookAtWork(opencode, tracked).then(
      () => live.lookAtActivity(),
      error => report('opencode does not tell what is at work', error),
    )
  }

  async #evictInTurn(tracked: TrackedWorkspace, reason: EvictionReason): Promise<boolean> {
    const { live, plan, hold, dispose, report, onEvicted, idleForMemoryMs } = this.#deps
    // What held it may have gone a moment ago: its idle time begins now.
    const wasIdle = plan(tracked).state === 'idle'
    const isIdle = (await this.#look(tracked)) && wasIdle && plan(tracked).state === 'idle'
    if (!isIdle) return tracked.keep(Date.now())
    await using held = await hold(tracked)
    const hasLooked = held === undefined || (await this.#look(tracked))
    // From here to the request for the disposal nothing else runs: of a use in the meantime we have been told.
    const nowMs = Date.now()
    const now = plan(tracked)
    if (!hasLooked || now.state !== 'idle' || held?.openRequests) return tracked.keep(nowMs)
    const dueMs = reason === 'idle' ? dueOf(now) : now.sinceMs + idleForMemoryMs
    if (dueMs > nowMs || this.#isClosed || live.get(tracked.workspace.id) !== tracked) return false
    try {
      await dispose(tracked)
    } catch (error) {
      report('an idle instance could not be disposed of', error)
      return tracked.keep(nowMs)
    }
    tracked.evictions += 1
    onEvicted(tracked, { reason, idleMs: nowMs - now.sinceMs })
    return true
  }
}

const dueOf = (plan: InstancePlan): number => {
  if (plan.state === 'none') return Number.POSITIVE_INFINITY
  return (plan.state === 'idle' ? plan.evictAtMs : plan.lookAtMs) ?? Number.POSITIVE_INFINITY
}
