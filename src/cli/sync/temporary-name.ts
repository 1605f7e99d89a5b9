import { randomBytes } from 'node:crypto'

/** For ignore rules. */
export const TEMPORARY_PATTERNS: readonly string[] = ['.openwork-sync-*.new', '.openwork-sync-*.old']

/** `new`: being written. `old`: taken out of its place, perhaps the only one of its kind. */
export type TemporaryKind = 'new' | 'old'

/** A name beside the file that it is for. */
export const temporaryName = (kind: TemporaryKind): string => `.openwork-sync-${randomBytes(8).toString('hex')}.${kind}`

/** Undefined for a name that `temporaryName` does not make. */
export const temporaryKindOf = (name: string): TemporaryKind | undefined =>
  /^\.openwork-sync-[0-9a-f]{16}\.(?:new|old)$/.test(name) ? (name.endsWith('.new') ? 'new' : 'old') : undefined
