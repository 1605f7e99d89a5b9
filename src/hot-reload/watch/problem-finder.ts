import { unlessSystemError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { readPlainBytes } from '../../shared/plain-file.ts'
import { type ConfigShape, configShape } from './config-shape.ts'
import { type FileFacts, MAX_READ_BYTES } from './file-facts.ts'
import { configProblems, type FileProblem, markdownProblems, skillProblems } from './file-problems.ts'
import type { ScannedFile } from './scan.ts'

export type ProblemFinderOptions = {
  env: Readonly<Record<string, string | undefined>>
  home: string
  log: Log
  facts: FileFacts
  /** JSON schema of opencode's settings. Asked for when there is something to check, until it answers. */
  configSchema?: (() => Promise<unknown>) | undefined
}

const MAX_KNOWN = 50_000

type Verdict = {
  readonly fingerprint: string
  readonly isShapeKnown: boolean
  readonly problems: readonly FileProblem[]
}

/** Finds what opencode could not read. Knows again what it has judged before. */
export class ProblemFinder {
  readonly #options: ProblemFinderOptions
  readonly #verdicts = new Map<string, Verdict>()
  #shape: ConfigShape | undefined

  constructor(options: ProblemFinderOptions) {
    this.#options = options
  }

  /**
   * Of all files those that would have opencode refuse the directory; of the changed ones also those that it would pass
   * over. `isStale`: a file was not what the scan saw any more.
   */
  async of(
    files: ReadonlyMap<string, ScannedFile>,
    changed: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<{ problems: FileProblem[]; isStale: boolean }> {
    const problems: FileProblem[] = []
    let isStale = false
    for (const [path, file] of files) {
      if (!isChecked(file, changed.has(path))) continue
      signal.throwIfAborted()
      const verdict = await this.#judge(path, file)
      if (verdict.fingerprint !== file.fingerprint) isStale = true
      problems.push(...verdict.problems.filter(({ effect }) => effect === 'fatal' || changed.has(path)))
    }
    return { problems, isStale }
  }

  async #judge(path: string, file: ScannedFile): Promise<Verdict> {
    const shape = file.role === 'skill' ? undefined : await this.#knownShape()
    const known = this.#verdicts.get(path)
    const isShapeKnown = shape !== undefined
    if (known?.fingerprint === file.fingerprint && known.isShapeKnown === isShapeKnown) return known
    const content = await readPlainBytes(path, { maxBytes: MAX_READ_BYTES }).catch(unlessSystemError)
    if (!content) return { fingerprint: file.fingerprint, isShapeKnown, problems: [] }
    const { fingerprint } = await this.#options.facts.read(path, content, file.role)
    const problems = await this.#check(path, file, content.toString(), shape)
    const verdict = { fingerprint, isShapeKnown, problems }
    if (this.#verdicts.size >= MAX_KNOWN) this.#verdicts.clear()
    // What a config names may be mended while the config stays as it is.
    if (file.role === 'config' && problems.length > 0) this.#verdicts.delete(path)
    else this.#verdicts.set(path, verdict)
    return verdict
  }

  #check(path: string, { role }: ScannedFile, text: string, shape: ConfigShape | undefined): Promise<FileProblem[]> {
    const { env, home } = this.#options
    const context = { env, home, shape }
    switch (role) {
      case 'config':
        return configProblems(path, text, context)
      case 'agent':
      case 'mode':
        return markdownProblems({ path, kind: 'agent', isMode: role === 'mode' }, text, context)
      case 'command':
        return markdownProblems({ path, kind: 'command', isMode: false }, text, context)
      case 'skill':
        return skillProblems(path, text)
      case 'module':
      case 'plain':
        return Promise.resolve([])
    }
  }

  async #knownShape(): Promise<ConfigShape | undefined> {
    if (this.#shape) return this.#shape
    const { configSchema, log } = this.#options
    if (!configSchema) return undefined
    const schema = await configSchema().catch((error: unknown) => {
      log.debug('opencode does not tell its schema of config files now', { reason: String(error) })
      return undefined
    })
    if (schema === undefined) return undefined
    this.#shape = configShape(schema)
    return this.#shape
  }
}

const isChecked = ({ role }: ScannedFile, isChanged: boolean): boolean =>
  role === 'config' || role === 'agent' || role === 'command' || (isChanged && (role === 'skill' || role === 'mode'))
