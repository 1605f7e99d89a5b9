import { randomUUID } from 'node:crypto'
import type { ReloadCursor, ReloadEvent, ReloadReason, ReloadTrigger } from '../../api/reload.ts'
import type { Workspace } from '../../api/workspaces.ts'
import { EventFeed } from '../../http/event-feed.ts'
import type { ServerEvent } from '../../http/event-stream.ts'
import type { Log } from '../../shared/log.ts'
import type { Change } from './changes.ts'
import { TriggerWatch } from './trigger-watch.ts'
import type { FileReason } from './triggers.ts'

/** Over all workspaces; who is behind more than these has missed some. */
const MAX_KEPT = 200

const QUIET_MS = 750

/** Who lets a workspace alone so long is told what changed meanwhile when they ask again; until then nobody watches it. */
const REST_AFTER_MS = 30 * 60_000
const REST_CHECK_MS = 60_000

/** What was changed through a route of ours. */
export type ReloadNote = { reason: ReloadReason; trigger?: ReloadTrigger }

type Watched = { path: string; watch: TriggerWatch; askedMs: number }

/** As a stream sends it. */
type SentEvent = ServerEvent & { readonly data: ReloadEvent }

/** Which changed files a note accounts for. */
const EXPLAINS: Readonly<Record<ReloadReason, readonly FileReason[]>> = {
  config: ['config'],
  mcp: ['config'],
  plugins: ['plugins', 'config'],
  skills: ['skills'],
  agents: ['agents'],
  commands: ['commands'],
}

/**
 * What clients learn of changes that opencode takes up only when it is reloaded: changed files of the workspaces, and
 * what our own routes note. Told once a workspace has been quiet for 750 ms, one event for each reason, and only for
 * what really is different. A workspace is watched from when it is first asked about or used, and not while nobody asks:
 * of hundreds few are. The caller closes it.
 */
export class ReloadEvents {
  readonly #log: Log
  readonly #writes: boolean
  readonly #quietMs: number
  readonly #epoch = randomUUID()
  readonly #feeds = new Map<string, EventFeed<SentEvent>>()
  readonly #watches = new Map<string, Watched>()
  readonly #notes = new Map<string, ReloadNote[]>()
  #paths: ReadonlyMap<string, string> = new Map()
  #resting: ReturnType<typeof setInterval> | undefined
  #kept: SentEvent[] = []
  #seq = 0

  /** `writes`: command files that opencode cannot read may be repaired. */
  constructor({ log, writes, quietMs = QUIET_MS }: { log: Log; writes: boolean; quietMs?: number }) {
    this.#log = log
    this.#writes = writes
    this.#quietMs = quietMs
  }

  /** From now on these can be watched, and no others. Remote ones have no files here. */
  follow(workspaces: readonly Workspace[]): void {
    const local = workspaces.filter(({ path }) => path !== '')
    this.#paths = new Map(local.map(({ id, path }) => [id, path]))
    for (const [id, { path, watch }] of this.#watches) {
      if (this.#paths.get(id) === path) continue
      watch.stop()
      this.#watches.delete(id)
    }
  }

  /** Watches a workspace, if it is not watched: somebody begins to work in it. */
  begin(workspaceId: string): void {
    this.#watched(workspaceId)
  }

  /** Resolves when every change of the workspace's files from then on will be told, and those since it was last asked. */
  async watching(workspaceId: string): Promise<void> {
    await this.#watched(workspaceId)?.watch.watching
  }

  /** Lets those go that nobody has asked about for half an hour. */
  rest(nowMs: number): void {
    for (const [id, { watch, askedMs }] of this.#watches)
      if (nowMs - askedMs >= REST_AFTER_MS && !this.#feeds.get(id)?.size) watch.rest()
  }

  /** A workspace is published no more: its streams end, and what happened there is no news any more. */
  forget(workspaceId: string): void {
    this.#watches.get(workspaceId)?.watch.stop()
    this.#watches.delete(workspaceId)
    this.#notes.delete(workspaceId)
    this.#kept = this.#kept.filter(({ data }) => data.workspaceId !== workspaceId)
    this.#feeds.get(workspaceId)?.end()
    this.#feeds.delete(workspaceId)
  }

  /** Something was changed, really, through a route of ours. */
  note(workspaceId: string, note: ReloadNote): void {
    const watch = this.#watched(workspaceId)?.watch
    if (watch) {
      this.#notes.set(workspaceId, [...(this.#notes.get(workspaceId) ?? []), note])
      watch.hint()
    } else this.#record(workspaceId, note)
  }

  /** Those of a workspace after `seq`, oldest first. */
  since(workspaceId: string, seq: number): ReloadEvent[] {
    return this.sentSince(workspaceId, seq).map(({ data }) => data)
  }

  /** The same, as a stream sends them. */
  sentSince(workspaceId: string, seq: number): SentEvent[] {
    return this.#kept.filter(({ data }) => data.workspaceId === workspaceId && data.seq > seq)
  }

  get cursor(): ReloadCursor {
    return { cursor: this.#seq, epoch: this.#epoch, oldestSeq: this.#kept[0]?.data.seq ?? null }
  }

  /** The events of a workspace from this call on, until the signal is aborted, the workspace goes or the listener falls far behind. */
  listen(workspaceId: string, signal: AbortSignal): AsyncIterable<SentEvent> {
    const feed = this.#feeds.get(workspaceId) ?? new EventFeed<SentEvent>()
    this.#feeds.set(workspaceId, feed)
    return feed.listen(signal)
  }

  /** The place an event's id names, as `seq`; undefined when events were missed since, or it is of another life of the server. */
  placeOf(id: string): number | undefined {
    const [epoch, text = ''] = id.split(':')
    const seq = Number(text)
    const oldestSeq = this.#kept[0]?.data.seq ?? 1
    const isKnown = epoch === this.#epoch && /^\d+$/.test(text) && seq <= this.#seq && seq >= oldestSeq - 1
    return isKnown ? seq : undefined
  }

  close(): void {
    clearInterval(this.#resting)
    this.follow([])
  }

  #watched(workspaceId: string): Watched | undefined {
    const path = this.#paths.get(workspaceId)
    if (path === undefined) return undefined
    const watched = this.#watches.get(workspaceId) ?? { path, watch: this.#watch(workspaceId, path), askedMs: 0 }
    watched.askedMs = performance.now()
    this.#watches.set(workspaceId, watched)
    this.#resting ??= setInterval(() => this.rest(performance.now()), REST_CHECK_MS).unref()
    return watched
  }

  #watch(workspaceId: string, root: string): TriggerWatch {
    const onQuiet = (changes: readonly Change[]): void => this.#settle(workspaceId, changes)
    return new TriggerWatch({ root, quietMs: this.#quietMs, writes: this.#writes, log: this.#log, onQuiet })
  }

  /** What was noted is known better than what was seen: one event for both. */
  #settle(workspaceId: string, changes: readonly Change[]): void {
    const notes = new Map(this.#notes.get(workspaceId)?.map(note => [note.reason, note]))
    this.#notes.delete(workspaceId)
    const explained = new Set([...notes.keys()].flatMap(reason => EXPLAINS[reason]))
    for (const note of notes.values()) this.#record(workspaceId, note)
    for (const change of changes) if (!explained.has(change.reason)) this.#record(workspaceId, change)
  }

  #record(workspaceId: string, { reason, trigger }: ReloadNote): void {
    this.#seq += 1
    const event: ReloadEvent = {
      id: randomUUID(),
      seq: this.#seq,
      workspaceId,
      reason,
      ...(trigger && { trigger }),
      timestamp: Date.now(),
    }
    const sent: SentEvent = { id: `${this.#epoch}:${this.#seq}`, event: 'reload', data: event }
    this.#kept = [...this.#kept.slice(1 - MAX_KEPT), sent]
    this.#feeds.get(workspaceId)?.publish(sent)
  }
}
