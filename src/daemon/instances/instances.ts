import type { z } from 'zod'
import type { WorkspaceActivity } from '../../api/control.ts'
import type { DaemonEvent, EngineStatus, InstanceStatus, Lease, leaseRequest } from '../../api/daemon.ts'
import type { EngineWork, HotReloadStatus, ReloadReport } from '../../api/hot-reload.ts'
import type { OpencodeClient } from '../../api/opencode-client.ts'
import { amountOf, NO_WORK } from '../../hot-reload/engine-work.ts'
import type { Held, Hold } from '../../hot-reload/reload-engine.ts'
import { renderWork } from '../../hot-reload/reload-text.ts'
import { followEvents } from '../../orchestrator/opencode-events.ts'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { type ProcessUsage, processUsage } from '../../supervisor/process-usage.ts'
import type { ServiceSnapshot } from '../../supervisor/service.ts'
import { atMost } from './at-most.ts'
import { type InstancePlan, planEviction } from './eviction-policy.ts'
import { IdleEviction } from './idle-eviction.ts'
import { Leases } from './leases.ts'
import { LiveInstances } from './live-instances.ts'
import { countAllWork, LOOKS_AT_A_TIME, lookAtWork } from './look-at-work.ts'
import { MemoryCeiling, type MemoryCeilingPace } from './memory-ceiling.ts'
import type { InstanceWorkspace, TrackedWorkspace } from './tracked-workspace.ts'

export type InstancesOptions = {
  /** An instance that nobody used for so long is disposed of. 0: never. */
  idleTimeoutMs: number
  /** Of opencode and its children, resident. Undefined: no ceiling. */
  memoryLimitBytes: number | undefined
}

export type InstancesDeps = {
  opencode: Pick<OpencodeClient, 'work' | 'dispose' | 'events'>
  /** Who uses opencode through openwork-server, as that says; see `serverActivity`. */
  activity(): Promise<WorkspaceActivity>
  /** How opencode is. Undefined before it is started. */
  service(): ServiceSnapshot | undefined
  /** Tells its clients, ends opencode and starts it again at the same address; resolves when it is ready. */
  restart(): Promise<void>
  /** Unless given nobody is held up, and a prompt that comes with a disposal may be cut. */
  hold?: Hold
  /** Hot reload of a workspace's own folder, where it is followed. */
  reload?(workspace: InstanceWorkspace): HotReloadStatus | undefined
  log: Log
  /** opencode has an instance for the workspace's own folder, at the latest since then. */
  onLive?(workspace: InstanceWorkspace, sinceMs: number): void
  /** It has none any more. */
  onGone?(workspace: InstanceWorkspace): void
  onEvent(event: DaemonEvent): void
}

export type InstancesPace = MemoryCeilingPace & {
  /** Least idle time before an instance goes because memory is short. */
  idleForMemoryMs: number
  /** How long it takes to be sure that nobody uses an instance again that was disposed of. */
  settleMs: number
}

const PACE: InstancesPace = {
  lookEveryMs: 5_000,
  drainEveryMs: 1_000,
  restartEveryMs: 300_000,
  idleForMemoryMs: 30_000,
  // Longer than openwork-server is silent about a workspace that is in use all the time.
  settleMs: 6_000,
}

const REFRESH_MS = 1_000

/** What opencode keeps in memory for the workspaces of a daemon: how much that is, who holds it, and when it goes. */
export class Instances {
  readonly #options: InstancesOptions
  readonly #deps: InstancesDeps
  readonly #pace: InstancesPace
  readonly #live: LiveInstances
  readonly #eviction: IdleEviction
  readonly #leases = new Leases()
  readonly #closed = new AbortController()
  readonly #following: Promise<void>
  readonly #ceiling: MemoryCeiling | undefined
  #refreshing: Promise<void> | undefined
  #refreshedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: InstancesOptions, deps: InstancesDeps, pace: Partial<InstancesPace> = {}) {
    this.#options = options
    this.#deps = deps
    this.#pace = { ...PACE, ...pace }
    this.#live = new LiveInstances({
      activity: deps.activity,
      reload: deps.reload,
      log: deps.log,
      settleMs: this.#pace.settleMs,
      onLive: (tracked, directory, sinceMs) => {
        this.#eviction.arm(tracked)
        if (directory === tracked.workspace.path) deps.onLive?.(tracked.workspace, sinceMs)
      },
      onGone: ({ workspace }, directory) => {
        if (directory === workspace.path) deps.onGone?.(workspace)
      },
    })
    this.#eviction = this.#evictionOf(this.#live)
    this.#following = followEvents(deps.opencode, event => this.#live.heard(event), deps.log, this.#closed.signal)
    const { memoryLimitBytes } = options
    if (memoryLimitBytes !== undefined) this.#ceiling = this.#ceilingAt(memoryLimitBytes)
  }

  /** Again for one that is known: it has another name now. */
  add(workspace: InstanceWorkspace): void {
    this.#live.add(workspace)
  }

  /**
   * What is at work there, for whoever is about to take it away. Undefined: nothing.
   * @throws OpenworkError workspace_busy without `force` when there is some, or somebody holds a lease; as `OpencodeClient`
   */
  async requireFree(id: string, { force }: { force: boolean }): Promise<EngineWork | undefined> {
    const tracked = this.#live.get(id)
    if (!tracked) return undefined
    const leases = force ? [] : this.#leases.of(id, Date.now())
    const looking = tracked.inTurn(() => lookAtWork(this.#deps.opencode, tracked))
    const work = await (force ? looking.catch(() => NO_WORK) : looking)
    const isAtWork = amountOf(work) > 0
    if (!force && (isAtWork || leases.length > 0)) throw busy(tracked.workspace, work, leases)
    return isAtWork ? work : undefined
  }

  /** Forgets it, and disposes of what opencode has for it. Never rejects. */
  async remove(id: string): Promise<void> {
    const tracked = this.#live.remove(id)
    if (!tracked) return
    this.#leases.forget(id)
    await tracked
      .inTurn(() => this.#disposeOf(tracked))
      .catch(error => this.#report('a removed workspace was not disposed of', error))
  }

  /** A request for it is on its way to opencode. */
  used(id: string, atMs: number): void {
    const tracked = this.#live.get(id)
    if (tracked) this.#live.used(tracked, tracked.workspace.path, atMs)
  }

  /** A reload of its folder was done, begun `at`, which has made the instance anew. */
  reloaded({ directory, at }: Pick<ReloadReport, 'directory' | 'at'>): void {
    this.#live.reloaded(directory, at)
  }

  /** Looks at what holds the instances now. At most one look at a time, and none within a second of the last one. */
  refresh(): Promise<void> {
    if (performance.now() - this.#refreshedAtMs < REFRESH_MS) return Promise.resolve()
    this.#refreshing ??= this.#lookAtAll().finally(() => {
      this.#refreshing = undefined
      this.#refreshedAtMs = performance.now()
    })
    return this.#refreshing
  }

  /** As of the last look. Of a workspace that was not added: `unknown`. */
  status(workspaceId: string): InstanceStatus {
    const tracked = this.#live.get(workspaceId)
    if (!tracked) return { workspaceId, state: 'unknown', listeners: 0, leases: [], evictions: 0 }
    const plan = this.#plan(tracked)
    const reload = this.#deps.reload?.(tracked.workspace)
    // In our words, where the files were looked at; opencode may refuse them for longer than anything is wrong with them.
    const problems = reload && reload.problems.length > 0 ? reload.problems : tracked.problems
    return {
      workspaceId,
      state: plan.state,
      lastUsedAt: tracked.lastUsedAtMs || undefined,
      ...(plan.state === 'idle' && { idleSince: plan.sinceMs, evictsAt: plan.evictAtMs }),
      work: tracked.work,
      ...(problems.length > 0 && { problems: [...problems] }),
      listeners: tracked.listeners,
      leases: this.#leases.of(workspaceId, Date.now()),
      evictions: tracked.evictions,
      reload,
    }
  }

  async engine(): Promise<EngineStatus> {
    const service = this.#deps.service()
    const usage = await this.#usage()
    return {
      state: service?.state ?? 'waiting',
      pid: service?.pid,
      memoryBytes: usage?.memoryBytes,
      children: usage?.children,
      restarts: service?.restarts ?? 0,
      memoryLimitBytes: this.#options.memoryLimitBytes,
      isDraining: this.#ceiling?.isDraining ?? false,
      limitNote: this.#ceiling?.note,
    }
  }

  /** Every folder that opencode has an instance for, as far as is known, those of no workspace too. */
  liveDirectories(): string[] {
    return this.#live.directories()
  }

  /** False only where it is known that nobody has opened one. */
  mayHaveTerminals(directory: string): boolean {
    return this.#live.mayHaveTerminals(directory)
  }

  /**
   * opencode's answer; false when it has no instance as far as is known (with `force` it is asked in any case).
   * @throws OpenworkError workspace_not_found; workspace_busy without `force` when that would end work; as `OpencodeClient`
   */
  async dispose(id: string, { force }: { force: boolean }): Promise<boolean> {
    const tracked = this.#live.get(id)
    if (!tracked) throw new OpenworkError('workspace_not_found', `There is no workspace "${id}" on this machine`)
    return tracked.inTurn(async () => {
      if (!force) {
        if (!tracked.isLive) return false
        await this.#requireIdle(tracked)
      }
      await using held = await this.#hold(tracked)
      if (held && !force) await this.#requireIdle(tracked, held)
      const isDisposed = await this.#disposeOf(tracked, force)
      this.#tellDisposed(tracked, 'request')
      return isDisposed
    })
  }

  /** @throws OpenworkError lease_limit_reached */
  lease(workspaceId: string, request: z.output<typeof leaseRequest>): Lease {
    return this.#changed(this.#leases.hold(workspaceId, request, Date.now()))
  }

  /** @throws OpenworkError lease_not_found */
  renewLease(id: string, request: z.output<typeof leaseRequest>): Lease {
    return this.#changed(this.#leases.renew(id, request, Date.now()))
  }

  /** @throws OpenworkError lease_not_found */
  releaseLease(id: string): void {
    this.#changed(this.#leases.release(id, Date.now()))
  }

  /** Call it as soon as an opencode that ran is gone, whatever the reason. */
  engineRestarted(): void {
    this.#live.engineGone(Date.now())
  }

  /** Ends what goes on here; instances and opencode are left as they are. */
  async close(): Promise<void> {
    this.#closed.abort()
    this.#live.close()
    await Promise.all([this.#following, this.#ceiling?.close(), this.#eviction.close(), this.#refreshing])
  }

  #changed(lease: Lease): Lease {
    const tracked = this.#live.get(lease.workspaceId)
    if (!tracked) return lease
    const nowMs = Date.now()
    const ends = this.#leases.of(lease.workspaceId, nowMs).map(({ expiresAt }) => expiresAt)
    tracked.heldUntilMs = Math.max(nowMs, ...ends)
    this.#eviction.arm(tracked)
    return lease
  }

  async #lookAtAll(): Promise<void> {
    await this.#live.lookAtActivity()
    const live = this.#live.all().filter(({ isLive }) => isLive)
    await atMost(LOOKS_AT_A_TIME, live, tracked =>
      tracked
        .inTurn(() => lookAtWork(this.#deps.opencode, tracked))
        .catch(error => this.#report('opencode does not tell what is at work', error)),
    )
    const nowMs = Date.now()
    for (const tracked of live) if (this.#plan(tracked).state !== 'idle') tracked.keep(nowMs)
  }

  #plan(tracked: TrackedWorkspace): InstancePlan {
    const nowMs = Date.now()
    const problems = this.#deps.reload?.(tracked.workspace)?.problems ?? []
    const leases = this.#leases.of(tracked.workspace.id, nowMs).length
    return planEviction(tracked.use(leases, problems.length > 0), this.#options.idleTimeoutMs, nowMs)
  }

  #evictionOf(live: LiveInstances): IdleEviction {
    return new IdleEviction({
      opencode: this.#deps.opencode,
      live,
      plan: tracked => this.#plan(tracked),
      hold: tracked => this.#hold(tracked),
      dispose: tracked => this.#disposeOf(tracked),
      report: (message, error) => this.#report(message, error),
      idleForMemoryMs: this.#pace.idleForMemoryMs,
      onEvicted: (tracked, { reason, idleMs }) => {
        const { name, path } = tracked.workspace
        this.#deps.log.info(`disposed of ${name}, which was idle`, { path, idleMs, reason })
        this.#tellDisposed(tracked, reason)
      },
    })
  }

  async #requireIdle(tracked: TrackedWorkspace, held?: Held): Promise<void> {
    const looked = await lookAtWork(this.#deps.opencode, tracked)
    const work = { ...looked, requests: held?.openRequests }
    if (amountOf(work) > 0) throw busy(tracked.workspace, work)
  }

  /** New requests for it wait until what is returned is disposed of. */
  async #hold({ workspace }: TrackedWorkspace): Promise<Held | undefined> {
    return await this.#deps.hold?.([workspace.path])
  }

  /**
   * opencode's answer for all of its folders, with `force` for its own one in any case. They count as gone from the request
   * on, so that whoever uses one meanwhile is known to have a new one.
   */
  async #disposeOf(tracked: TrackedWorkspace, force = false): Promise<boolean> {
    const { directories, workspace } = tracked
    const atMs = Date.now()
    this.#live.disposed(tracked, atMs)
    const asked = directories.length === 0 && force ? [workspace.path] : directories
    try {
      const answers = await Promise.all(asked.map(directory => this.#deps.opencode.dispose(directory)))
      return answers.length > 0 && answers.every(Boolean)
    } catch (error) {
      if (this.#live.get(workspace.id) === tracked)
        for (const directory of directories) this.#live.used(tracked, directory, tracked.lastUsedAtMs)
      throw error
    }
  }

  #tellDisposed({ workspace }: TrackedWorkspace, reason: 'idle' | 'request' | 'memory'): void {
    this.#deps.onEvent({ event: 'instance.disposed', data: { workspaceId: workspace.id, reason } })
  }

  async #usage(): Promise<ProcessUsage | undefined> {
    const pid = this.#deps.service()?.pid
    return pid === undefined ? undefined : await processUsage(pid)
  }

  #ceilingAt(limitBytes: number): MemoryCeiling {
    const { log, onEvent, restart, hold } = this.#deps
    const deps = {
      usage: () => this.#usage(),
      disposeSome: async () => {
        await this.refresh()
        return this.#eviction.evictForMemory()
      },
      work: () => countAllWork(this.#deps, this.#live),
      ...(hold && { hold }),
      restart: async () => {
        this.engineRestarted()
        await restart()
      },
      onEvent,
      log,
    }
    return new MemoryCeiling(limitBytes, deps, this.#pace)
  }

  /** False, for those who ask whether it went well. */
  #report(message: string, error: unknown): false {
    if (!(error instanceof OpenworkError)) throw error
    this.#deps.log.debug(message, { code: error.code, reason: messageOf(error) })
    return false
  }
}

function busy({ name, id }: InstanceWorkspace, work: EngineWork, leases: readonly Lease[] = []): OpenworkError {
  const held = leases.map(lease => (lease.label === '' ? lease.id : `"${lease.label}" (${lease.id})`)).join(', ')
  const reasons = [
    ...(amountOf(work) > 0 ? [`is busy: ${renderWork(work)}`] : []),
    ...(held === '' ? [] : [`is held by the ${leases.length === 1 ? 'lease' : 'leases'} ${held}`]),
  ]
  return new OpenworkError('workspace_busy', `"${name}" ${reasons.join(', and ')}`, {
    details: { workspaceId: id, work, ...(leases.length > 0 && { leases }) },
  })
}
