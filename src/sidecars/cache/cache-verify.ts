import { basename } from 'node:path'
import { explainDiskFailure } from '../fetch/disk.ts'
import type { OpencodePin } from '../pins/opencode-pins.ts'
import { readListedEntry } from '../release/listed-entry.ts'
import { Verifier } from '../verify/verify.ts'
import { wantedBuild } from './cache-archive.ts'
import { removeItem } from './cache-gc.ts'
import { type CacheItem, listCache, type Made } from './cache-items.ts'

export type CheckedBuild = {
  readonly kind: 'opencode' | 'openwork'
  readonly version: string
  readonly target: string
  readonly path: string
  readonly bytes: number
  /** What it must be; undefined for an executable of ours that nothing is recorded of. */
  readonly sha256: string | undefined
  readonly state: 'verified' | 'damaged' | 'unverified'
  /** Follows the path in a sentence; undefined for a build that is what it must be. */
  readonly problem: string | undefined
  readonly removed: boolean
}

type VerifyOptions = {
  /** Remove what is wrong. */
  fix: boolean
  /** `done` of `total` bytes of everything there is to read. */
  onProgress: (what: string, done: number, total: number) => void
  signal: AbortSignal
}

/**
 * Reads every build in the cache that a hash is known of, whatever was learned about it before, and compares it: of
 * opencode by the pins, of our own executable by what the manifest said when it was fetched.
 *
 * @throws OpenworkError `sidecar_dir_unusable`; the reason of an aborted `signal`
 */
export async function verifyCache(
  dir: string,
  made: Made,
  { fix, onProgress, signal }: VerifyOptions,
): Promise<CheckedBuild[]> {
  const verifier = new Verifier(dir)
  const builds = (await Promise.all((await listCache(dir, made)).map(item => knownBuild(item, made)))).flat()
  const total = builds.reduce((sum, { item, pin }) => sum + (pin ? (item.bytes ?? 0) : 0), 0)
  let done = 0
  const checked: CheckedBuild[] = []
  for (const { kind, item, version, pin } of builds) {
    const { path, bytes = 0, target = '' } = item
    const onBytes = (more: number): void => {
      done += more
      onProgress(`Reading ${kind} ${version} for ${target}`, done, total)
    }
    let { problem } = item
    if (problem === undefined && pin !== undefined)
      try {
        const verdict = await verifier.verifyAnew(path, pin, onBytes, signal)
        problem = verdict.kind === 'good' ? undefined : verdict.kind === 'missing' ? 'is gone' : verdict.problem
      } catch (error) {
        signal.throwIfAborted()
        throw explainDiskFailure(error, dir)
      }
    const state = problem !== undefined ? 'damaged' : pin === undefined ? 'unverified' : 'verified'
    const removed = problem !== undefined && fix && (await removeItem(dir, item, signal))
    checked.push({ kind, version, target, path, bytes, sha256: pin?.sha256, state, problem, removed })
  }
  return checked
}

type KnownBuild = {
  readonly kind: CheckedBuild['kind']
  readonly item: CacheItem
  readonly version: string
  readonly pin: OpencodePin | undefined
}

/** One or none: builds of opencode of other versions are known to these alone. */
async function knownBuild(item: CacheItem, { pins }: Made): Promise<KnownBuild[]> {
  const { kind, version, target, path } = item
  if (version === undefined) return []
  if (kind === 'opencode') {
    const pin = version === pins.version ? wantedBuild(pins, `opencode-${target}`)?.pin : undefined
    return pin ? [{ kind, item, version, pin }] : []
  }
  if (kind !== 'openwork') return []
  const listed = await readListedEntry(path)
  const pin = listed?.version === version ? { file: basename(path), ...listed } : undefined
  return [{ kind, item, version, pin }]
}
