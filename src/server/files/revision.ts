import type { BigIntStats } from 'node:fs'

/** What a revision is made of. */
export type RevisedStat = Pick<BigIntStats, 'isDirectory' | 'size' | 'ino' | 'mtimeNs' | 'ctimeNs'>

/**
 * Names the content of a file at one moment: another content, another revision. Opaque to clients; it begins with
 * `<mtime in whole ms>:<size>` as it always did, size 0 for a folder. Besides, it holds the rest of the mtime, the
 * inode and the ctime, for contents of one size written within a millisecond. The files this server writes never share
 * an mtime; beyond that it sees as much as the file system's clock shows (a few milliseconds on older Linux).
 */
export function revisionOf(stat: RevisedStat): string {
  const size = stat.isDirectory() ? 0n : stat.size
  const rest = [stat.mtimeNs % 1_000_000n, stat.ino, stat.ctimeNs].map(part => part.toString(36))
  return `${wholeMs(stat)}:${size}:${rest.join('.')}`
}

/** The mtime, as clients are told it: milliseconds since the epoch, rounded down. */
export const wholeMs = ({ mtimeNs }: RevisedStat): number => Math.floor(Number(mtimeNs / 1_000_000n))
