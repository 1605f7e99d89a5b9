import { randomBytes } from 'node:crypto'
import { isRunning } from '../../shared/is-running.ts'

/** For ignore rules. */
export const TEMPORARY_PATTERNS: readonly string[] = ['.openwork-sync-*.new', '.openwork-sync-*.old']

/** `new`: being written. `old`: taken out of its place, perhaps the only one of its kind. */
export type TemporaryKind = 'new' | 'old'

const NAME = /^\.openwork-sync-(\d+)-[0-9a-f]{16}\.(new|old)$/

/** A name beside the file that it is for. */
export const temporaryName = (kind: TemporaryKind): string =>
  `.openwork-sync-${process.pid}-${randomBytes(8).toString('hex')}.${kind}`

/** What a name of `temporaryName` is for, when the process that made it has ended; undefined for any other. */
export function leftoverKind(name: string): TemporaryKind | undefined {
  const [, pid, kind] = NAME.exec(name) ?? []
  if (pid === undefined || isRunning(Number(pid))) return undefined
  return kind === 'new' ? 'new' : 'old'
}
