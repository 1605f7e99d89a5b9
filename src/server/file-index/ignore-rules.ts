import picomatch from 'picomatch'
import { isTemporaryName } from '../files/temporary-name.ts'

/** Version control's own, what package managers unpack, and the litter of desktops. */
const ALWAYS = new Set(['.git', 'node_modules', '.DS_Store', 'Thumbs.db', 'desktop.ini'])

/** What a catalog leaves out, and does not watch: also what this server has not finished writing. */
export class IgnoreRules {
  readonly #matches: ((path: string) => boolean) | undefined

  /** Globs for whole paths; one without a slash matches a name at any depth. */
  constructor(globs: readonly string[]) {
    this.#matches = globs.length > 0 ? picomatch([...globs], { dot: true, basename: true }) : undefined
  }

  /** Whether something in a folder is left out; the folder itself is not. `folder` is its path, empty for the root. */
  ignores(folder: string, name: string): boolean {
    if (ALWAYS.has(name) || isTemporaryName(name)) return true
    return this.#matches?.(folder === '' ? name : `${folder}/${name}`) ?? false
  }

  /** Whether a path is left out by itself or by a folder above it. */
  ignoresPath(path: string): boolean {
    const segments = path.split('/')
    return segments.some((name, index) => this.ignores(segments.slice(0, index).join('/'), name))
  }
}
