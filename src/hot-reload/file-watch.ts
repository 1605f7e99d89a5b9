import type { ConfigProblem, FileChange } from '../api/hot-reload.ts'

/** What opencode would read now, against what it has read. */
export type Look = {
  /** By path; empty when everything is as it was accepted, whatever happened in between. */
  readonly changes: readonly FileChange[]
  /**
   * Files that opencode could not read. With any, nothing must be reloaded. Those for which it would refuse the directory
   * are told whether they changed or not; those that it would pass over, only when they changed.
   */
  readonly problems: readonly ConfigProblem[]
  /**
   * A changed file is one of those that opencode reads once in its life, its global config or code of a plugin or tool that
   * it has loaded: disposing of an instance is not enough.
   */
  readonly needsRestart: boolean
  /** When the changed files that are there were last written, by path: milliseconds since the epoch, as the disk has it. */
  readonly writtenAtMs: ReadonlyMap<string, number>
}

/** Everything is as it was accepted. */
export const NOTHING: Look = { changes: [], problems: [], needsRestart: false, writtenAtMs: new Map() }

/** Watches what opencode reads for one directory. What the system reports is a hint; a look tells what differs. */
export type FileWatch = {
  /** Resolves when every change from then on leads to a hint. */
  readonly ready: Promise<void>
  readonly mode: 'events' | 'polling'
  /** What the last look left out because there is too much of it, for people. */
  readonly notes: readonly string[]
  /** Ends within a time limit: `workspace_unusable` where the disk does not answer. */
  look(): Promise<Look>
  /** opencode has read what this look saw: later looks tell what differs from it. */
  accept(look: Look): void
  close(): void
}

export type FileWatchOptions = {
  /** Absolute, real. */
  directory: string
  /**
   * Since when opencode has an instance for it: what changed on the disk after that counts as not read. Undefined: what
   * is there now counts as read.
   */
  readAtMs: number | undefined
  /** Something that may matter has happened. May come often. */
  onHint(): void
}
