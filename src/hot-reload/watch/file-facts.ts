import type { Stats } from 'node:fs'
import { unlessSystemError } from '../../shared/errors.ts'
import { readPlainBytes } from '../../shared/plain-file.ts'
import type { Pointers } from './config-references.ts'
import { namedFiles } from './config-text.ts'
import { settingsOf } from './file-problems.ts'
import { parseFrontMatter } from './front-matter.ts'

/** Longer files are told apart by size and time, not by their content, and are not checked. */
export const MAX_READ_BYTES = 1024 * 1024

/** No file system's clock is coarser (FAT). */
const TICK_MS = 2_000
const MAX_KNOWN = 50_000

/** Of a config file without settings, such as the one that openwork makes: for opencode it might as well not be there. */
export const SAYS_NOTHING = 'says nothing'

export type FileRole = 'config' | 'agent' | 'mode' | 'command' | 'skill' | 'module' | 'plain'

export type Facts = {
  /** Different whenever opencode would read something else. */
  readonly fingerprint: string
  /** Of a config file. */
  readonly pointers?: Pointers
  /** Of a skill, as it calls itself. */
  readonly skillName?: string
}

type Known = { readonly stamp: string; readonly facts: Facts }

/** What is in files, read once for all directories that have them in common, and again when they change. */
export class FileFacts {
  readonly #home: string
  readonly #known = new Map<string, Known>()

  constructor(home: string) {
    this.#home = home
  }

  /** Of a file that may be gone by now, or may not be read: then the facts say so. */
  async of(path: string, stats: Stats, role: FileRole): Promise<Facts> {
    const key = `${role}:${path}`
    const stamp = stampOf(stats)
    const known = this.#known.get(key)
    if (known?.stamp === stamp) return known.facts
    const facts = await this.#read(path, stats, role)
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    // Changed just now, it may be changed once more in the same tick of the file system's clock: look again next time.
    if (Date.now() - stats.ctimeMs > TICK_MS) this.#known.set(key, { stamp, facts })
    else this.#known.delete(key)
    return facts
  }

  async #read(path: string, stats: Stats, role: FileRole): Promise<Facts> {
    if (stats.size > MAX_READ_BYTES) return { fingerprint: stampOf(stats) }
    const content = await readPlainBytes(path, { maxBytes: MAX_READ_BYTES }).catch(unlessSystemError)
    return content ? this.read(path, content, role) : { fingerprint: 'unreadable' }
  }

  async read(path: string, content: Buffer, role: FileRole): Promise<Facts> {
    const fingerprint = Bun.SHA256.hash(content, 'hex')
    if (role === 'skill') {
      const { name } = (await parseFrontMatter(content.toString())).values
      return typeof name === 'string' ? { fingerprint, skillName: name } : { fingerprint }
    }
    if (role !== 'config') return { fingerprint }
    const text = content.toString()
    const settings = await settingsOf(path, text)
    if (!settings) return { fingerprint } // broken: one state of it is not another
    // opencode 1.18.33 adds a `$schema` to settings without one itself, and comments are for people.
    const { $schema: _schema, ...rest } = settings
    const { instructions, plugin, skills } = rest
    return {
      fingerprint: Object.keys(rest).length === 0 ? SAYS_NOTHING : Bun.SHA256.hash(JSON.stringify(rest), 'hex'),
      pointers: { named: namedFiles(text, path, this.#home), settings: { instructions, plugin, skills } },
    }
  }
}

/** Different whenever the file may be; the change time cannot be set by programs that keep the modification time. */
const stampOf = ({ ino, size, mtimeMs, ctimeMs }: Stats): string => `${ino}:${size}:${mtimeMs}:${ctimeMs}`
