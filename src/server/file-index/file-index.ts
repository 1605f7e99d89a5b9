import type { FileEvent } from '../../api/catalog.ts'
import type { Log } from '../../shared/log.ts'
import { listDirectly } from './direct-listing.ts'
import { EventFeed, type FeedPosition, type FeedSlice, type FileChange } from './event-feed.ts'
import type { WatchFolder } from './folder-watches.ts'
import type { IgnoreRules } from './ignore-rules.ts'
import { LiveTree } from './live-tree.ts'
import { type Page, type PageQuery, pageOf } from './page.ts'
import type { PatrolTimes } from './patrol.ts'

export type FileIndexOptions = {
  workspaceId: string
  /** Absolute path of the workspace. */
  path: string
  ignores: IgnoreRules
  log: Log
  watch?: WatchFolder
  patrol?: Partial<PatrolTimes>
}

export type IndexPage = Page & {
  /** There is more behind this page. */
  truncated: boolean
  /** Every event up to this one shows in the page, none behind it. */
  cursor: number
  isDegraded: boolean
}

/**
 * What is in a workspace, and what changes there. Reads the disk when it is first asked for a page or told to be ready,
 * and watches from then on; events of our own changes are kept from the beginning. The caller closes it.
 */
export class FileIndex {
  readonly #feed: EventFeed
  readonly #tree: LiveTree
  readonly #path: string
  readonly #ignores: IgnoreRules

  constructor({ workspaceId, path, ignores, log, watch, patrol }: FileIndexOptions) {
    this.#path = path
    this.#ignores = ignores
    this.#feed = new EventFeed(workspaceId)
    this.#tree = new LiveTree({ path, ignores, log, watch, patrol, changed: change => this.#feed.push(change) })
  }

  /** Sequence number of the newest event. */
  get cursor(): number {
    return this.#feed.cursor
  }

  get epoch(): string {
    return this.#feed.epoch
  }

  /** See `EventFeed`. */
  get oldestSeq(): number {
    return this.#feed.oldestSeq
  }

  /** Resolves when changes made outside will be seen. */
  ready(): Promise<void> {
    return this.#tree.start()
  }

  /** A prefix that the index leaves out is read from the disk, each time. */
  async page(query: PageQuery): Promise<IndexPage> {
    const { prefix } = query
    const isLeftOut = prefix !== undefined && this.#ignores.ignoresPath(prefix)
    if (!isLeftOut) {
      await this.ready()
      await this.#tree.checkRoot()
    }
    const page = isLeftOut ? await listDirectly(this.#path, { ...query, prefix }) : pageOf(this.#tree.root, query)
    return {
      ...page,
      truncated: page.total > page.items.length,
      cursor: this.cursor,
      isDegraded: this.#tree.isDegraded,
    }
  }

  /** Call it right after an effect: there is one event of it, whether it was found on the disk before, after or never. */
  noteChange(change: FileChange): FileEvent {
    const isNews = this.#tree.adopt(change)
    return (isNews ? undefined : this.#feed.find(change)) ?? this.#feed.push(change)
  }

  eventsSince(position: FeedPosition): FeedSlice {
    return this.#feed.since(position)
  }

  get isClosed(): boolean {
    return this.#feed.isClosed
  }

  /** See `EventFeed`. */
  behind(seq: number, signal: AbortSignal): Promise<void> {
    return this.#feed.behind(seq, signal)
  }

  close(): void {
    this.#tree.close()
    this.#feed.close()
  }
}
