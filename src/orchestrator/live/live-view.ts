import type { HostEvent, HostSnapshot } from '../../api/host.ts'
import { messageOf } from '../../shared/errors.ts'
import { ORCHESTRATOR } from '../../shared/orchestrator-name.ts'
import { processUsages } from '../../supervisor/process-usage.ts'
import { followApprovals } from './live-approvals.ts'
import { followSessions } from './live-sessions.ts'
import { LogReader } from './log-reader.ts'
import type { ObservedHost } from './observed-host.ts'
import { type Seen, serviceOf, snapshotOf } from './snapshot.ts'
import { SAMPLE_MS, UsageHistory } from './usage-history.ts'

/** After the last one who looked; whoever asks again and again finds it all there. */
const LINGER_MS = 10_000
/** Between two snapshots. */
const TELL_EVERY_MS = 250
/** What nobody tells of, as the hot reload of a folder, is found by looking. */
const LOOK_EVERY_MS = 1_000
/** The first share of a processor is known so soon after the first look. */
const FIRST_SAMPLE_MS = 500
/** Of many workspaces: opencode is asked about each that it has in memory. */
const WORKSPACES_EVERY_MS = 5_000
/** For approvals and sessions, before a first answer goes out without them. */
const FIRST_ANSWER_MS = 500

type SnapshotEvent = Extract<HostEvent, { event: 'snapshot' }>

/** What a host looks like from outside. It costs nothing while nobody looks. */
export class LiveView {
  readonly #host: ObservedHost
  readonly #lingerMs: number
  readonly #usage = new UsageHistory()
  readonly #listeners = new Set<() => void>()
  #approvals: Seen['approvals'] = null
  #sessions: Seen['sessions'] = null
  #watchers = 0
  #watching: AbortController | undefined
  #linger: Timer | undefined
  #telling: Timer | undefined
  #latest: { json: string; event: SnapshotEvent } | undefined
  #isClosed = false

  constructor(host: ObservedHost, { lingerMs = LINGER_MS } = {}) {
    this.#host = host
    this.#lingerMs = lingerMs
  }

  /** What approvals and sessions there are is found out first, as far as that takes no longer than a moment. */
  async snapshot(): Promise<HostSnapshot> {
    const leave = this.#enter()
    const isComplete = (): boolean =>
      this.#host.life.phase !== 'ready' || (this.#approvals !== null && this.#sessions !== null)
    const untilMs = performance.now() + FIRST_ANSWER_MS
    while (!isComplete() && performance.now() < untilMs) await Bun.sleep(10)
    leave()
    return snapshotOf(this.#host, this.#seen())
  }

  /** One service as it is now. */
  service(name: string) {
    const service = this.#host.services().find(each => each.name === name)
    return service && serviceOf(this.#host, service, this.#seen())
  }

  /** Until `signal` is aborted or the host ends: the last one is of the end then. */
  async *events({ logs, signal }: { logs: number; signal: AbortSignal }): AsyncGenerator<HostEvent> {
    const leave = this.#enter()
    let wake = (): void => {}
    const stopListening = this.#listen(() => wake())
    const ended = (): void => wake()
    signal.addEventListener('abort', ended, { once: true })
    const reader = new LogReader(this.#host.records, logs, () => wake())
    let told: SnapshotEvent | undefined
    try {
      while (!signal.aborted) {
        const { event } = this.#current()
        if (event !== told) {
          told = event
          yield event
        }
        const batch = reader.next({ hasEnded: this.#isClosed })
        if (batch) yield { event: 'log', data: batch }
        if (this.#isClosed && !batch) return
        if (batch || this.#latest?.event !== told || reader.isDue || signal.aborted || this.#isClosed) continue
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    } finally {
      reader.close()
      signal.removeEventListener('abort', ended)
      stopListening()
      leave()
    }
  }

  /** The host ends: everybody who listens is told so, and no more. */
  close(): void {
    if (this.#isClosed) return
    this.#host.life.becomes('stopping')
    this.#refresh()
    this.#isClosed = true
    this.#rest()
    for (const listener of this.#listeners) listener()
  }

  #seen(): Seen {
    return {
      approvals: this.#approvals,
      sessions: this.#sessions,
      usage: this.#usage,
    }
  }

  #listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #current(): { json: string; event: SnapshotEvent } {
    return this.#latest ?? this.#refresh()
  }

  /** Takes a new picture. Whoever has the last one keeps it when nothing has changed. */
  #refresh(): { json: string; event: SnapshotEvent } {
    const data = snapshotOf(this.#host, this.#seen())
    const json = JSON.stringify(data)
    if (this.#latest?.json !== json) this.#latest = { json, event: { event: 'snapshot', data } }
    return this.#latest
  }

  /** Something may have changed: it is told soon. */
  #touch(): void {
    if (this.#telling || !this.#watching) return
    this.#telling = setTimeout(() => {
      this.#telling = undefined
      const before = this.#latest
      if (this.#refresh() !== before) for (const listener of this.#listeners) listener()
    }, TELL_EVERY_MS)
  }

  /** Somebody looks until what is returned is called. */
  #enter(): () => void {
    this.#watchers += 1
    clearTimeout(this.#linger)
    if (!this.#watching && !this.#isClosed) this.#watch()
    let isIn = true
    return () => {
      if (!isIn) return
      isIn = false
      this.#watchers -= 1
      if (this.#watchers === 0) this.#linger = setTimeout(() => this.#rest(), this.#lingerMs).unref()
    }
  }

  #watch(): void {
    const watching = new AbortController()
    this.#watching = watching
    const { signal } = watching
    const touch = (): void => this.#touch()
    const stops = [this.#host.life.listen(touch), this.#host.listen(({ type }) => type === 'state' && touch())]
    const every = (ms: number, work: () => void): void => {
      const timer = setInterval(work, ms).unref()
      stops.push(() => clearInterval(timer))
    }
    every(LOOK_EVERY_MS, touch)
    every(SAMPLE_MS, () => void this.#sample())
    const { workspaces } = this.#host
    if (workspaces) every(WORKSPACES_EVERY_MS, () => void workspaces.look().then(touch))
    void workspaces?.look().then(touch)
    void this.#sample().then(() => setTimeout(() => void this.#sample(), FIRST_SAMPLE_MS).unref())
    signal.addEventListener('abort', () => {
      for (const stop of stops) stop()
    })
    this.#follow(signal, touch)
    this.#latest = undefined
  }

  #follow(signal: AbortSignal, touch: () => void): void {
    const following = [
      followApprovals(
        this.#host.plan,
        approvals => {
          this.#approvals = approvals
          touch()
        },
        signal,
      ),
      followSessions(
        this.#host,
        sessions => {
          this.#sessions = sessions
          touch()
        },
        signal,
      ),
    ]
    for (const each of following)
      each.catch(error =>
        this.#host.log.error('a part of the host is not shown any more', { reason: messageOf(error) }),
      )
  }

  /** Nobody looks. What was known of others grows old, and is forgotten. */
  #rest(): void {
    clearTimeout(this.#linger)
    clearTimeout(this.#telling)
    this.#telling = undefined
    this.#watching?.abort()
    this.#watching = undefined
    if (this.#isClosed) return
    this.#approvals = null
    this.#sessions = null
  }

  async #sample(): Promise<void> {
    const services = this.#host.services().flatMap(({ name, pid }): [string, number][] => (pid ? [[name, pid]] : []))
    const all: [string, number][] = [[ORCHESTRATOR, process.pid], ...services]
    const pids = all.map(([, pid]) => pid)
    const usages = await processUsages(pids, process.pid)
    const atMs = performance.now()
    for (const [name, pid] of all) {
      const usage = usages.get(pid)
      if (usage) this.#usage.add(name, pid, usage, atMs)
    }
    this.#touch()
  }
}
