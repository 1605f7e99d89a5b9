import { type FSWatcher, watch } from 'node:fs'
import { basename } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import type { Folder } from './folder.ts'

/** `node:fs`'s `watch` of one folder, not of what lies below. Throws what it throws. */
export type WatchFolder = (path: string, changed: (name: string | null) => void) => Pick<FSWatcher, 'close' | 'on'>

const watchFolder: WatchFolder = (path, changed) => watch(path, { persistent: false }, (_kind, name) => changed(name))

export type Watched = 'watched' | 'exhausted' | 'absent'

/** The system has no more watches, files or memory for us. */
const EXHAUSTED = new Set(['ENOSPC', 'EMFILE', 'ENFILE', 'ENOMEM'])

/**
 * One watch per folder of an index. Not chokidar: it takes one per file as well, which for 100,000 files is most of
 * what Linux allows a user for everything, and holds its own copy of the tree. Events are hints: who gets one looks.
 */
export class FolderWatches {
  readonly #watchers = new Map<Folder, Pick<FSWatcher, 'close' | 'on'>>()
  readonly #hint: (folder: Folder, name: string | undefined) => void
  readonly #watch: WatchFolder

  constructor(hint: (folder: Folder, name: string | undefined) => void, watch: WatchFolder = watchFolder) {
    this.#hint = hint
    this.#watch = watch
  }

  /** Watches a folder, unless it does. Look at it afterwards, not before, and no change is missed. */
  ensure(folder: Folder, path: string): Watched {
    if (this.#watchers.has(folder)) return 'watched'
    try {
      const watcher = this.#watch(path, name => this.#heard(folder, path, name))
      // A watch may end with the folder; what became of it shows when it is looked at.
      watcher.on('error', () => this.#hint(folder, undefined))
      this.#watchers.set(folder, watcher)
      return 'watched'
    } catch (error) {
      return EXHAUSTED.has(systemCode(error) ?? '') ? 'exhausted' : 'absent'
    }
  }

  /**
   * Its own name says that the folder itself was deleted or moved, and that the watch is at its end: even when a folder
   * is there again, which may have got the same inode. Else it is the name of something in it.
   */
  #heard(folder: Folder, path: string, name: string | null): void {
    if (name === basename(path)) this.drop(folder)
    this.#hint(folder, name === null || name === basename(path) ? undefined : name)
  }

  /**
   * A path that became another folder has to be let go before it is watched again: Bun 1.4.5 hands out the old, dead
   * watch for a path as long as someone holds it.
   */
  drop(folder: Folder): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }
}
