import { stat } from 'node:fs/promises'
import type { EngineWork, HotReloadEvent, HotReloadStatus, ReloadReport } from '../api/hot-reload.ts'
import type { Served } from '../api/opencode-client.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { pause } from '../supervisor/pause.ts'
import type { FileWatch, FileWatchOptions, Look } from './file-watch.ts'
import { FollowedDirectory } from './followed-directory.ts'
import { IdleListener } from './idle-listener.ts'
import { asFresh, eventOf, FreshRefusal, isRefused } from './refusal.ts'
import { findExtent, requireReadable } from './reload-by-hand.ts'
import { isIdle, type ReloadEngine } from './reload-engine.ts'
import { ReloadHold } from './reload-hold.ts'
import type { Action, Extent, PolicyEvent, PolicyTimes } from './reload-policy.ts'
import { inventoryOf, type Notice, renderReport, renderTiding, renderUnserved, unserved } from './reload-text.ts'
import { Turns } from './turns.ts'

/** To count what was served before a first reload; a reload does not wait longer for a number. */
const BEFORE_LIMIT_MS = 1_000
/** It is asked anew as often while it is waited for. */
const BUSY_FOR_MS = 2_000

export type HotReloadsOptions = {
  watches(options: FileWatchOptions): FileWatch
  engine: ReloadEngine
  /** Not `enabled`: nothing is watched; a reload by hand is done all the same. */
  options: PolicyTimes & { enabled: boolean }
  log: Log
  /** Told of everything that is logged. Must not throw. */
  onEvent(event: HotReloadEvent): void
}

/**
 * Hot reload of any number of directories of one opencode: one reload at a time over all of them, none while work goes on
 * that it would end. What happens is logged and told. `reload-policy.ts` decides; here it is done.
 */
export class HotReloads {
  readonly #options: HotReloadsOptions
  readonly #followed = new Map<string, FollowedDirectory>()
  readonly #turns = new Turns()
  readonly #idle: IdleListener
  readonly #closed = new AbortController()
  /** The last answer about all directories, where it was that they are at work. */
  #busy: { work: EngineWork; atMs: number } | undefined

  constructor(options: HotReloadsOptions) {
    this.#options = options
    this.#idle = new IdleListener(options.engine, directory => this.#mayBeIdle(directory))
  }

  /** Does nothing for one that is followed. `readAtMs`: since when opencode has an instance for it. */
  follow(directory: string, { readAtMs }: { readAtMs: number | undefined }): void {
    if (this.#closed.signal.aborted || this.#followed.has(directory)) return
    this.#followed.set(directory, this.#directory(directory, { isWatched: this.#options.options.enabled, readAtMs }))
  }

  unfollow(directory: string): void {
    this.#followed.get(directory)?.close()
    this.#followed.delete(directory)
    this.#listen()
  }

  status(directory: string): HotReloadStatus | undefined {
    return this.#followed.get(directory)?.status()
  }

  statuses(): HotReloadStatus[] {
    return [...this.#followed.values()].map(followed => followed.status())
  }

  /**
   * Reloads a directory, followed or not, because somebody asked. Throws `workspace_busy` for work that it would end,
   * unless that is to be forced; work of other directories is never ended. `opencode_config_invalid` (details `problems`)
   * for files that opencode could not read, and why opencode does not answer.
   */
  reload(directory: string, { force }: { force: boolean }): Promise<ReloadReport> {
    return this.#turns.run(() => this.#reloadByHand(directory, force), { first: true })
  }

  /** opencode was started anew, not by us: what it reads for its directories is what was there `atMs`, or newer. */
  engineRestarted(atMs: number): void {
    // In a turn of its own, so that no reload begins meanwhile for what was read already.
    void this.#turns.run(() => this.#acceptAllRead(undefined, atMs), { first: true })
  }

  /** Gives up what is pending. */
  close(): void {
    this.#closed.abort()
    this.#idle.close()
    for (const followed of this.#followed.values()) followed.close()
    this.#followed.clear()
  }

  #directory(directory: string, { isWatched, readAtMs }: { isWatched: boolean; readAtMs: number | undefined }) {
    const { options, watches, log } = this.#options
    const followed: FollowedDirectory = new FollowedDirectory({
      directory,
      times: options,
      watches: isWatched ? watches : undefined,
      readAtMs,
      onTiding: (tiding, nowMs) => this.#tell(followed, renderTiding(directory, tiding, nowMs)),
      onQueue: () => void this.#turns.run(() => this.#turn(followed)),
      onFailure: error => log.warn(`changes in ${directory} may go unnoticed: ${messageOf(error)}`),
    })
    return followed
  }

  /** From its place in the queue on until it rests or waits. */
  async #turn(followed: FollowedDirectory): Promise<void> {
    await using hold = new ReloadHold(this.#options.engine)
    let action = followed.dispatch({ type: 'turn' })
    while (action) {
      const event = await this.#perform(followed, action, hold).catch(eventOf)
      // Right after the answer that nothing is at work: the reload begins in this very moment.
      action = followed.dispatch(event)
      if (event.type === 'reloaded') this.#tellReload(followed)
    }
    this.#listen()
  }

  async #perform(followed: FollowedDirectory, action: InTurn, hold: ReloadHold): Promise<PolicyEvent> {
    const { directory, watch, state } = followed
    const { engine } = this.#options
    switch (action.type) {
      case 'look':
        return await followed.look()
      case 'ask': {
        const isAll = action.extent === 'engine'
        const ask = () => (isAll ? this.#allWork() : engine.work(directory))
        if (state.phase !== 'asking') return { type: 'worked', work: await ask() }
        if (!isAll) followed.served ??= await this.#servedBefore(directory)
        return { type: 'worked', work: await hold.workOf(isAll ? undefined : directory, ask, { always: false }) }
      }
      case 'reload': {
        await this.#renew(followed, { ...action, cause: 'change', startedMs: performance.now() })
        if (!followed.isClosed) watch?.accept(action.look)
        return { type: 'reloaded', isComplete: true }
      }
    }
  }

  /** Whatever is global changes for all directories at once: they share an answer that there is work, never one of none. */
  async #allWork(): Promise<EngineWork> {
    if (this.#busy && performance.now() - this.#busy.atMs < BUSY_FOR_MS) return this.#busy.work
    const work = await this.#options.engine.allWork()
    this.#busy = isIdle(work) ? undefined : { work, atMs: performance.now() }
    return work
  }

  async #reloadByHand(directory: string, force: boolean): Promise<ReloadReport> {
    if (this.#closed.signal.aborted)
      throw new OpenworkError('interrupted', `${directory} was not reloaded: its host is being stopped`)
    const { engine } = this.#options
    const followed =
      this.#followed.get(directory) ?? this.#directory(directory, { isWatched: false, readAtMs: undefined })
    const watch = followed.watch ?? this.#options.watches({ directory, readAtMs: undefined, onHint() {} })
    const startedMs = performance.now()
    followed.dispatch({ type: 'taken' })
    try {
      // A watch that cannot begin was told of; what it is asked now it may know all the same.
      await watch.ready.catch(() => {})
      const look = await watch.look()
      requireReadable(directory, look)
      // Only of an instance that is there: to make one for that takes a second. A failure shows again where it matters.
      if (this.#followed.has(directory)) followed.served ??= await this.#servedBefore(directory).catch(() => undefined)
      await using hold = new ReloadHold(engine)
      const extent = await findExtent({ directory, look, force, engine, hold })
      const report = await this.#renew(followed, { extent, look, cause: 'request', startedMs })
      const isComplete = extent === 'engine' || !look.needsRestart
      if (isComplete) watch.accept(look)
      followed.dispatch({ type: 'reloaded', isComplete })
      this.#tellReload(followed)
      return report
    } catch (error) {
      followed.dispatch(error instanceof FreshRefusal ? eventOf(error) : { type: 'given-back' })
      throw error
    } finally {
      if (watch !== followed.watch) watch.close()
      if (this.#followed.get(directory) !== followed) followed.close()
      this.#listen()
    }
  }

  async #renew(followed: FollowedDirectory, { extent, look, cause, startedMs }: Renewal): Promise<ReloadReport> {
    const { directory } = followed
    const { engine } = this.#options
    const at = Date.now()
    if (extent === 'engine') {
      await engine.restart()
      await this.#acceptAllRead(followed, at)
    } else await engine.dispose(directory)
    const served = await engine.served(directory).catch(asFresh)
    const report: ReloadReport = {
      directory,
      cause,
      extent,
      changes: [...look.changes],
      ...(followed.served && { before: inventoryOf(followed.served) }),
      after: inventoryOf(served),
      at,
      tookMs: Math.round(performance.now() - startedMs),
    }
    followed.reloaded(report, served)
    // The first question about terminals takes opencode (1.18.33) a tenth of a second: not when the next change waits.
    engine.work(directory).catch(() => {})
    return report
  }

  async #servedBefore(directory: string): Promise<Served | undefined> {
    const served = this.#options.engine.served(directory).catch((error: unknown) => {
      if (isRefused(error)) throw error
      return undefined
    })
    // Not waited for any more, it may still fail.
    served.catch(() => {})
    return await Promise.race([served, pause(BEFORE_LIMIT_MS, this.#closed.signal).then(() => undefined)])
  }

  async #acceptAllRead(except: FollowedDirectory | undefined, atMs: number): Promise<void> {
    for (const followed of [...this.#followed.values()])
      if (followed !== except)
        await this.#acceptRead(followed, atMs).catch(error =>
          this.#options.log.warn(`changes in ${followed.directory} may be reloaded twice: ${messageOf(error)}`),
        )
  }

  /** Accepts what was there when opencode was started. What is newer stays pending: at worst it is reloaded once more. */
  async #acceptRead(followed: FollowedDirectory, atMs: number): Promise<void> {
    const { watch } = followed
    let isRead = false
    try {
      if (!watch) return
      const look = await watch.look()
      const read = await Promise.all(
        look.changes.map(({ action, path }) =>
          action === 'removed' ? followed.hintedAtMs < atMs : isOlderThan(path, atMs),
        ),
      )
      isRead = read.every(Boolean)
      if (isRead && !followed.isClosed) watch.accept(look)
    } finally {
      followed.dispatch({ type: 'restarted' })
      if (!isRead) followed.dispatch({ type: 'hint' })
    }
  }

  #mayBeIdle(directory: string | undefined): void {
    this.#busy = undefined
    for (const followed of this.#followed.values()) {
      const { phase, look, isStuck } = followed.state
      if (phase !== 'waiting') continue
      const isMeant = directory === undefined || directory === followed.directory || look.needsRestart || isStuck
      if (isMeant) followed.dispatch({ type: 'may-be-idle' })
    }
  }

  #listen(): void {
    this.#idle.listen([...this.#followed.values()].some(({ state }) => state.phase === 'waiting'))
  }

  #tellReload(followed: FollowedDirectory): void {
    const { last, served, directory } = followed
    if (!last || !served) return
    this.#tell(followed, { severity: 'info', message: renderReport(last) }, last)
    const missing = unserved(last.changes, served)
    if (missing.length > 0) this.#tell(followed, { severity: 'warn', message: renderUnserved(directory, missing) })
  }

  #tell(followed: FollowedDirectory, { severity, message }: Notice, report?: ReloadReport): void {
    if (this.#closed.signal.aborted) return
    const { directory } = followed
    this.#options.log[severity](message, { directory })
    this.#options.onEvent({ directory, message, severity, status: followed.status(), ...(report && { report }) })
  }
}

type InTurn = Exclude<Action, { type: 'queue' }>
type Renewal = { extent: Extent; look: Look; cause: ReloadReport['cause']; startedMs: number }

async function isOlderThan(path: string, atMs: number): Promise<boolean> {
  try {
    return (await stat(path)).ctimeMs < atMs
  } catch {
    return false // gone meanwhile: a change after the look
  }
}
