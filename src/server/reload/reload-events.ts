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

/** What was changed through a route of ours. */
export type ReloadNote = { reason: ReloadReason; trigger?: ReloadTrigger }

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
 * what really is different. The caller closes it.
 */
export class ReloadEvents {
  readonly #log: Log
  readonly #writes: boolean
  readonly #quietMs: number
  readonly #epoch = randomUUID()
  readonly #feed = new EventFeed<SentEvent>()
  readonly #watches = new Map<string, { path: string; watch: TriggerWatch }>()
  readonly #notes = new Map<string, ReloadNote[]>()
  #kept: SentEvent[] = []
  #seq = 0

  /** `writes`: command files that opencode cannot read may be repaired. */
  constructor({ log, writes, quietMs = QUIET_MS }: { log: Log; writes: boolean; quietMs?: number }) {
    this.#log = log
    this.#writes = writes
    this.#quietMs = quietMs
  }

  /** From now on these are watched, and no others. Remote ones have no files here. */
  follow(workspaces: readonly Workspace[]): void {
    const local = new Map(workspaces.filter(({ path }) => path !== '').map(({ id, path }) => [id, path]))
    for (const [id, { path, watch }] of this.#watches) {
      if (local.get(id) === path) continue
      watch.stop()
      this.#watches.delete(id)
    }
    for (const [id, path] of local)
      if (!this.#watches.has(id)) this.#watches.set(id, { path, watch: this.#watch(id, path) })
  }

  /** Resolves when every change of the workspace's files from then on will be told. */
  async watching(workspaceId: string): Promise<void> {
    await this.#watches.get(workspaceId)?.watch.watching
  }

  /** Something was changed, really, through a route of ours. */
  note(workspaceId: string, note: ReloadNote): void {
    const watch = this.#watches.get(workspaceId)?.watch
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

  /** The events of all workspaces from this call on, until the signal is aborted or the listener falls far behind. */
  listen(signal: AbortSignal): AsyncIterable<SentEvent> {
    return this.#feed.listen(signal)
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
    this.follow([])
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
    this.#feed.publish(sent)
  }
}
