import type { Workspace } from '../../api/workspaces.ts'
import type { Log } from '../../shared/log.ts'
import { FileIndex } from './file-index.ts'
import { IgnoreRules } from './ignore-rules.ts'

/** The indexes of the workspaces, each made when it is first asked for. */
export class FileIndexes {
  readonly #indexes = new Map<string, { path: string; index: FileIndex }>()
  readonly #ignores: IgnoreRules
  readonly #log: Log

  constructor(ignoreGlobs: readonly string[], log: Log) {
    this.#ignores = new IgnoreRules(ignoreGlobs)
    this.#log = log
  }

  of({ id, path }: Pick<Workspace, 'id' | 'path'>): FileIndex {
    const known = this.#indexes.get(id)
    if (known?.path === path) return known.index
    known?.index.close()
    const index = new FileIndex({ workspaceId: id, path, ignores: this.#ignores, log: this.#log })
    this.#indexes.set(id, { path, index })
    return index
  }

  /** Of a workspace that is published no more. */
  drop(workspaceId: string): void {
    this.#indexes.get(workspaceId)?.index.close()
    this.#indexes.delete(workspaceId)
  }

  close(): void {
    for (const id of [...this.#indexes.keys()]) this.drop(id)
  }
}
