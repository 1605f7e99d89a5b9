import { explainDiskFailure } from '../fetch/disk.ts'
import { Verifier } from '../verify/verify.ts'
import { wantedBuild } from './cache-archive.ts'
import { removeItem } from './cache-gc.ts'
import { listCache, type Made } from './cache-items.ts'

export type CheckedBuild = {
  readonly version: string
  readonly target: string
  readonly path: string
  readonly bytes: number
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
 * Reads every pinned build in the cache, whatever was learned about it before, and compares it with its hash.
 *
 * @throws OpenworkError `sidecar_dir_unusable`; the reason of an aborted `signal`
 */
export async function verifyCache(
  dir: string,
  made: Made,
  { fix, onProgress, signal }: VerifyOptions,
): Promise<CheckedBuild[]> {
  const verifier = new Verifier(dir)
  const pinned = (await listCache(dir, made)).flatMap(item => {
    const wanted = item.version === made.pins.version && wantedBuild(made.pins, `opencode-${item.target}`)
    return item.kind === 'opencode' && wanted ? [{ item, wanted }] : []
  })
  const total = pinned.reduce((sum, { item }) => sum + item.bytes, 0)
  let done = 0
  const checked: CheckedBuild[] = []
  for (const { item, wanted } of pinned) {
    const { path, bytes, target = '' } = item
    const onBytes = (more: number): void => {
      done += more
      onProgress(`Reading ${wanted.name}`, done, total)
    }
    let { problem } = item
    if (problem === undefined)
      try {
        const verdict = await verifier.verifyAnew(path, wanted.pin, onBytes, signal)
        problem = verdict.kind === 'good' ? undefined : verdict.kind === 'missing' ? 'is gone' : verdict.problem
      } catch (error) {
        signal.throwIfAborted()
        throw explainDiskFailure(error, dir)
      }
    const removed = problem !== undefined && fix && (await removeItem(dir, item, signal))
    checked.push({ version: wanted.version, target, path, bytes, problem, removed })
  }
  return checked
}
