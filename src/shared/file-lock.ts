import { lstat, mkdir, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { check, lock } from 'proper-lockfile'
import { OpenworkError, systemCode } from './errors.ts'

/** A holder renews its lock three times in this span; one that stopped doing so is dead, or its machine slept. */
const STALE_MS = 6_000
const POLL_MS = 200
const TELL_EVERY_MS = 3_000

/**
 * Runs `work` while no other process does so for the same path, which need not exist, waiting as long as it takes: what a
 * holder does is bounded, and the lock of a dead one is taken over. The lock is the folder `<path>.lock`.
 *
 * `work` gets a signal that also aborts when the lock is lost to another process.
 *
 * @throws OpenworkError `sidecar_dir_unusable` for the lock of a dead one that cannot be removed, because something is in
 *   it, or because it is no folder
 */
export async function withFileLock<Result>(
  path: string,
  { onWait, signal, staleMs = STALE_MS }: Waiting,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const lost = new AbortController()
  const release = await acquire(path, { onWait, signal, staleMs, onLost: error => lost.abort(takenOver(path, error)) })
  try {
    return await work(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal)
  } catch (error) {
    lost.signal.throwIfAborted()
    throw error
  } finally {
    await release().catch((error: unknown) => {
      // Lost: nothing to give back. Or something is in it: whoever wants it next is told, if it is still there.
      if (!['ERELEASED', 'ENOTACQUIRED', ...NOT_EMPTY, 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error
    })
  }
}

type Waiting = {
  /** Called every three seconds, from the beginning, while another process has the lock. */
  onWait: () => void
  signal: AbortSignal | undefined
  /** After how long without a renewal a lock counts as that of a dead process. Default 6 s, at least 2. */
  staleMs?: number
}

const NOT_EMPTY = ['ENOTEMPTY', 'EEXIST']

/** Whether a living process holds the lock of this path now. Holders write the present time: one far ahead is nobody's. */
export async function isFileLocked(path: string): Promise<boolean> {
  if (!(await check(path, { realpath: false, stale: STALE_MS }))) return false
  const renewedMs = await lastRenewal(path)
  return renewedMs !== undefined && renewedMs - Date.now() <= STALE_MS
}

/** As `withFileLock`, without waiting: undefined, and `work` not run, while another process has the lock. */
export async function withFreeFileLock<Result>(
  path: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result | undefined> {
  const busy = new AbortController()
  const reason = new Error('another process has the lock')
  try {
    const all = signal ? AbortSignal.any([signal, busy.signal]) : busy.signal
    return await withFileLock(path, { onWait: () => busy.abort(reason), signal: all }, work)
  } catch (error) {
    if (busy.signal.aborted) return undefined
    throw error
  }
}

async function acquire(
  path: string,
  { onWait, signal, staleMs, onLost }: Required<Waiting> & { onLost: (error: Error) => void },
): Promise<() => Promise<void>> {
  const isAbandoned = watchRenewals(path, staleMs)
  let toldMs = Number.NEGATIVE_INFINITY
  for (;;) {
    signal?.throwIfAborted()
    try {
      return await lock(path, { realpath: false, stale: staleMs, update: staleMs / 3, onCompromised: onLost })
    } catch (error) {
      const code = systemCode(error) ?? ''
      if (isNotRemovable(error)) throw notRemovable(path, error)
      if (code !== 'ELOCKED' && code !== 'ENOENT') throw error
      if (code === 'ENOENT') {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 }) // `cache gc` has just taken the empty one away
        continue
      }
    }
    if (await isAbandoned()) {
      await removeLock(path)
      continue
    }
    if (performance.now() - toldMs >= TELL_EVERY_MS) {
      toldMs = performance.now()
      onWait()
    }
    await delay(POLL_MS, undefined, { signal })
  }
}

/**
 * Tells, asked again and again, whether the lock was not renewed for as long as a living holder never takes. By our own
 * watch: the lock's time may lie in the future, after the clock was put back or on another machine's disk.
 */
function watchRenewals(path: string, staleMs: number): () => Promise<boolean> {
  let seen: { renewedMs: number | undefined; sinceMs: number } | undefined
  return async () => {
    const renewedMs = await lastRenewal(path)
    const nowMs = performance.now()
    if (seen === undefined || seen.renewedMs !== renewedMs) seen = { renewedMs, sinceMs: nowMs }
    return renewedMs !== undefined && nowMs - seen.sinceMs >= staleMs
  }
}

/** By the clock of whoever renewed it; undefined when there is no lock. A link there is none of ours, and is not followed. */
async function lastRenewal(path: string): Promise<number | undefined> {
  try {
    return (await lstat(`${path}.lock`)).mtimeMs
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function removeLock(path: string): Promise<void> {
  try {
    await rmdir(`${path}.lock`)
  } catch (error) {
    if (isNotRemovable(error)) throw notRemovable(path, error)
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

/** Making a lock also fails with ENOTDIR, for a file above it. */
const isNotFolder = (error: unknown): boolean =>
  systemCode(error) === 'ENOTDIR' && (error as NodeJS.ErrnoException).syscall === 'rmdir'

const isNotRemovable = (error: unknown): boolean => NOT_EMPTY.includes(systemCode(error) ?? '') || isNotFolder(error)

const notRemovable = (path: string, cause: unknown): OpenworkError =>
  isNotFolder(cause)
    ? new OpenworkError('sidecar_dir_unusable', `${path}.lock is in the place of a lock, and is no folder`, {
        hint: `Remove it: rm ${path}.lock`,
        cause,
      })
    : new OpenworkError('sidecar_dir_unusable', `${path}.lock was left by a process that is gone, and is not empty`, {
        hint: `Remove it: rm -r ${path}.lock`,
        cause,
      })

const takenOver = (path: string, cause: Error): OpenworkError =>
  new OpenworkError('sidecar_download_failed', `Another openwork took over ${path} while this one did not respond`, {
    hint: 'Start again: it will use what the other one fetched.',
    cause,
  })
