import { mkdir } from 'node:fs/promises'
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
 */
export async function withFileLock<Result>(
  path: string,
  { onWait, signal }: { onWait: () => void; signal: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const lost = new AbortController()
  const release = await acquire(path, { onWait, signal, onLost: error => lost.abort(takenOver(path, error)) })
  try {
    return await work(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal)
  } catch (error) {
    lost.signal.throwIfAborted()
    throw error
  } finally {
    await release().catch((error: unknown) => {
      if (!['ERELEASED', 'ENOTACQUIRED'].includes(systemCode(error) ?? '')) throw error // lost: nothing to give back
    })
  }
}

/** Whether a living process holds the lock of this path now. */
export const isFileLocked = (path: string): Promise<boolean> => check(path, { realpath: false, stale: STALE_MS })

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
  { onWait, signal, onLost }: { onWait: () => void; signal: AbortSignal | undefined; onLost: (error: Error) => void },
): Promise<() => Promise<void>> {
  let toldMs = Number.NEGATIVE_INFINITY
  for (;;) {
    signal?.throwIfAborted()
    try {
      return await lock(path, { realpath: false, stale: STALE_MS, update: STALE_MS / 3, onCompromised: onLost })
    } catch (error) {
      const code = systemCode(error)
      if (code !== 'ELOCKED' && code !== 'ENOENT') throw error
      if (code === 'ENOENT') {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 }) // `cache gc` has just taken the empty one away
        continue
      }
    }
    if (performance.now() - toldMs >= TELL_EVERY_MS) {
      toldMs = performance.now()
      onWait()
    }
    await delay(POLL_MS, undefined, { signal })
  }
}

const takenOver = (path: string, cause: Error): OpenworkError =>
  new OpenworkError('sidecar_download_failed', `Another openwork took over ${path} while this one did not respond`, {
    hint: 'Start again: it will use what the other one fetched.',
    cause,
  })
