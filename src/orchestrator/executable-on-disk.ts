import { stat } from 'node:fs/promises'
import { isCompiled, type Self } from '../services/own-program.ts'
import { systemCode } from '../shared/errors.ts'
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
  /** What was learned about the file when it was last looked at. */
  #known: { file: string; version: string | undefined } | undefined

  constructor(self: Self, { version, env }: { version: string; env: Readonly<Record<string, string | undefined>> }) {
    this.path = self.execPath
    this.#version = version
    this.#env = env
    this.#isCompiled = isCompiled(self.main)
    this.#ours = identityOf(process.platform === 'linux' ? imageOf(process.pid) : self.execPath)
  }

  /** Which openwork would start from it now: ours, another one, or undefined when it is gone or does not run. */
  async version(): Promise<string | undefined> {
    if (!this.#isCompiled) return this.#version
    const file = await identityOf(this.path)
    if (file === undefined) return undefined
    if (file === (await this.#ours)) return this.#version
    if (this.#known?.file !== file) this.#known = { file, version: await this.#ask(this.path) }
    return this.#known.version
  }

  /** A program that is this version still, for when what is on disk does not do. */
  async findOurs(): Promise<string> {
    if ((await this.version()) === this.#version) return this.path
    const { previous } = executableFiles(this.path)
    if ((await this.#ask(previous)) === this.#version) return previous
    return process.platform === 'linux' ? imageOf(process.pid) : this.path
  }

  async #ask(path: string): Promise<string | undefined> {
    const { findVersion } = await import('../upgrade/other-openwork.ts') // no start needs it
    return findVersion(path, { env: this.#env })
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
