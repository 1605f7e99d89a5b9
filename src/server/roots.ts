import { dirname } from 'node:path'
import { realPathOf } from './real-path.ts'

/** Folders whose content may be reached, known by where they really were when they were named. */
export class Roots {
  readonly given: readonly string[]
  readonly #real: readonly string[]
  readonly #known: ReadonlySet<string>

  /** `before`: roots that stay keep what they were; a change of the list is no fresh look at what became of them. */
  constructor(given: readonly string[], before?: Roots) {
    const known = new Map(before?.given.map((root, index) => [root, before.#real[index]]))
    this.given = given
    this.#real = given.map(root => known.get(root) ?? realPathOf(root))
    this.#known = new Set(this.#real)
  }

  /** Whether a real path is one of them or lies below one. As fast for hundreds as for one. */
  hold(realPath: string): boolean {
    for (let folder = realPath; ; folder = dirname(folder)) {
      if (this.#known.has(folder)) return true
      if (folder === dirname(folder)) return false
    }
  }
}
