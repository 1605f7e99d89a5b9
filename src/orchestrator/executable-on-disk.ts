import { stat } from 'node:fs/promises'
import { isCompiled, type Self } from '../services/own-program.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import type { Probe } from '../sidecars/verify/probe-version.ts'
import { executableFiles } from '../upgrade/executable-files.ts'

/** Our own image, whatever has become of the file it came from. Linux only. */
const imageOf = (pid: number): string => `/proc/${pid}/exe`

/** The file that this process was started from: an upgrade puts another version in its place while we run. */
export class ExecutableOnDisk {
  readonly path: string
  readonly #ours: Promise<string | undefined>
  readonly #version: string
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #isCompiled: boolean
  readonly #closed = new AbortController()
  /** Programs that are being asked for their version. */
  readonly #asking = new Set<Promise<Probe>>()
  /** The file that was looked at last, and what it says: asked once, however many want to know. */
  #known: { file: string; says: Promise<Probe> } | undefined

  constructor(self: Self, { version, env }: { version: string; env: Readonly<Record<string, string | undefined>> }) {
    this.path = self.execPath
    this.#version = version
    this.#env = env
    this.#isCompiled = isCompiled(self.main)
    this.#ours = identityOf(process.platform === 'linux' ? imageOf(process.pid) : self.execPath)
  }

  /** Which openwork would start from it now: ours, another one, or undefined when it is gone or does not run. */
  async version(): Promise<string | undefined> {
    return (await this.#look())?.version
  }

  /**
   * Asks one that did not run when it was last looked at once more: it may have been slow.
   * @throws OpenworkError `upgrade_failed` when another one is there, and does not run
   */
  async requireRunnable(): Promise<void> {
    if ((await this.#look())?.problem === undefined) return
    this.#known = undefined
    const problem = (await this.#look())?.problem
    if (problem !== undefined) throw new OpenworkError('upgrade_failed', `${this.path} does not run: ${problem}`)
  }

  /** A program that is this version still, for when what is on disk does not do. */
  async findOurs(): Promise<string> {
    if ((await this.version()) === this.#version) return this.path
    const { previous } = executableFiles(this.path)
    if ((await this.#ask(previous)).version === this.#version) return previous
    return process.platform === 'linux' ? imageOf(process.pid) : this.path
  }

  /** Ends what is being asked; resolves when nothing of that is left. Whoever waits for an answer is thrown `reason`. */
  async close(reason: OpenworkError): Promise<void> {
    this.#closed.abort(reason)
    await Promise.allSettled(this.#asking)
  }

  /** Undefined when it is gone. */
  async #look(): Promise<Probe | undefined> {
    if (!this.#isCompiled) return { version: this.#version }
    const [file, ours] = await Promise.all([identityOf(this.path), this.#ours])
    if (file === undefined) return undefined
    if (file === ours) return { version: this.#version }
    if (this.#known?.file !== file) this.#known = { file, says: this.#ask(this.path) }
    return await this.#known.says
  }

  async #ask(path: string): Promise<Probe> {
    const says = this.#probe(path)
    this.#asking.add(says)
    try {
      return await says
    } finally {
      this.#asking.delete(says)
    }
  }

  async #probe(path: string): Promise<Probe> {
    const { probe } = await import('../upgrade/other-openwork.ts') // no start needs it
    return probe(path, { env: this.#env, signal: this.#closed.signal })
  }
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs].join(':')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
}
