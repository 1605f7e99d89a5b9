import type { BigIntStats } from 'node:fs'
import { type RevisedStat, revisionOf, wholeMs } from '../files/revision.ts'

const NS_PER_MS = 1_000_000n

/**
 * What the disk says of a file or folder that belongs in a catalog. Kept as numbers, as large trees have many: texts and
 * big integers would take three times the memory.
 */
export class EntryStat {
  readonly kind: 'file' | 'dir'
  /** 0 for a folder. */
  readonly size: number
  readonly mtimeMs: number
  /** A big integer when it does not fit a number, as NTFS has them. */
  readonly ino: number | bigint
  readonly #mtimeRestNs: number
  readonly #ctimeMs: number
  readonly #ctimeRestNs: number

  private constructor(kind: 'file' | 'dir', stat: RevisedStat) {
    this.kind = kind
    this.size = kind === 'dir' ? 0 : Number(stat.size)
    this.mtimeMs = wholeMs(stat)
    this.ino = Number.isSafeInteger(Number(stat.ino)) ? Number(stat.ino) : stat.ino
    this.#mtimeRestNs = Number(stat.mtimeNs % NS_PER_MS)
    this.#ctimeMs = Number(stat.ctimeNs / NS_PER_MS)
    this.#ctimeRestNs = Number(stat.ctimeNs % NS_PER_MS)
  }

  /** Undefined for links and special files, which no catalog shows. */
  static of(stat: BigIntStats): EntryStat | undefined {
    const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'dir' : undefined
    return kind && new EntryStat(kind, stat)
  }

  /** Stands for a folder that nobody has looked at. */
  static readonly unknownFolder = new EntryStat('dir', {
    isDirectory: () => true,
    size: 0n,
    ino: 0n,
    mtimeNs: 0n,
    ctimeNs: 0n,
  })

  get revision(): string {
    return revisionOf({
      isDirectory: () => this.kind === 'dir',
      size: BigInt(this.size),
      ino: BigInt(this.ino),
      mtimeNs: BigInt(this.mtimeMs) * NS_PER_MS + BigInt(this.#mtimeRestNs),
      ctimeNs: BigInt(this.#ctimeMs) * NS_PER_MS + BigInt(this.#ctimeRestNs),
    })
  }

  /** Whether the revisions are the same, and the kinds. */
  equals(other: EntryStat): boolean {
    return (
      this.kind === other.kind &&
      this.size === other.size &&
      this.mtimeMs === other.mtimeMs &&
      this.ino === other.ino &&
      this.#mtimeRestNs === other.#mtimeRestNs &&
      this.#ctimeMs === other.#ctimeMs &&
      this.#ctimeRestNs === other.#ctimeRestNs
    )
  }
}
