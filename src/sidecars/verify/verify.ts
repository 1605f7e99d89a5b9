import { stat } from 'node:fs/promises'
import { systemCode } from '../../shared/errors.ts'
import { sha256OfFile } from '../../shared/hash-file.ts'
import { verifiedStore } from '../cache/cache-layout.ts'
import type { OpencodePin } from '../pins/opencode-pins.ts'
import { KnownFiles } from './known-files.ts'
import { pathBelow, requireOwnFolders, whoElseMayWrite } from './own-folders.ts'

export type Verdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'missing' }
  /** `problem` says what was expected and what is there. */
  | { readonly kind: 'different'; readonly problem: string }

/** Compares files with pins. One per sidecar folder: it remembers the hash of a file that did not change since. */
export class Verifier {
  readonly #sidecarDir: string
  readonly #hashes: KnownFiles

  constructor(sidecarDir: string) {
    this.#sidecarDir = sidecarDir
    this.#hashes = new KnownFiles(verifiedStore(sidecarDir))
  }

  /**
   * Whether the file is, byte for byte, one of the pinned binaries, and in the cache, none that others could change. Reads
   * it only when size and memory leave a doubt.
   *
   * @throws OpenworkError `sidecar_dir_unusable` for a place in the cache that others could change
   */
  async verify(path: string, pins: readonly OpencodePin[], signal?: AbortSignal): Promise<Verdict> {
    return this.#compare(path, pins, () => sha256OfFile(path, signal))
  }

  async #compare(path: string, pins: readonly OpencodePin[], hash: () => Promise<string>): Promise<Verdict> {
    const isCached = pathBelow(this.#sidecarDir, path) !== undefined
    if (isCached) await requireOwnFolders(this.#sidecarDir, path)
    let size: number
    try {
      const found = await stat(path)
      if (!found.isFile()) return { kind: 'different', problem: 'is not a file' }
      const risk = isCached ? whoElseMayWrite(found) : undefined
      if (risk !== undefined) return { kind: 'different', problem: risk.problem }
      size = found.size
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return { kind: 'missing' }
      if (systemCode(error) === 'EACCES') return { kind: 'different', problem: 'may not be read' }
      throw error
    }
    const rightSize = pins.filter(pin => pin.size === size)
    if (rightSize.length === 0) {
      const expected = [...new Set(pins.map(pin => pin.size))].join(' or ')
      return { kind: 'different', problem: `has ${size} bytes, expected ${expected}` }
    }
    let actual: string
    try {
      actual = await this.#hashes.know(path, hash)
    } catch (error) {
      if (systemCode(error) === 'EACCES') return { kind: 'different', problem: 'may not be read' }
      throw error
    }
    if (rightSize.some(pin => pin.sha256 === actual)) return { kind: 'good' }
    const expected = [...new Set(rightSize.map(pin => pin.sha256))].join(' or ')
    return { kind: 'different', problem: `has SHA-256 ${actual}, expected ${expected}` }
  }

  /** As `verify`, and believes nothing but the file's bytes. `onBytes` is called with how much more has been read. */
  async verifyAnew(
    path: string,
    pin: OpencodePin,
    onBytes: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<Verdict> {
    await this.#hashes.forget(path)
    return this.#compare(path, [pin], () => sha256OfFile(path, signal, onBytes))
  }

  /** Notes that the file has just been verified while it was written. */
  async remember(path: string, pin: OpencodePin): Promise<void> {
    await this.#hashes.know(path, async () => pin.sha256)
  }
}
