import { join } from 'node:path'
import { isCompiled } from '../../services/own-program.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { Made } from '../../sidecars/cache-items.ts'
import { OPENCODE_PINS } from '../../sidecars/opencode-pins.generated.ts'
import { list } from '../kit/flags.ts'
import { takeInterruptions } from '../signals.ts'
import { dataDirFlag } from './data-dir-flag.ts'
import { sidecarPlaceFlags } from './sidecar-flags.ts'

/** Flags of every cache command. Those that download have `sidecarPlaceFlags` as well. */
export const cacheFlags = { dataDir: dataDirFlag, sidecarDir: sidecarPlaceFlags.sidecarDir }

export const targetFlag = list({
  valueName: 'targets',
  summary: 'Builds for other machines: linux-arm64, linux-x64-baseline, …, or all',
  defaultText: 'this machine',
})

export const cacheDirOf = ({ dataDir, sidecarDir }: { dataDir: string; sidecarDir: string | undefined }): string =>
  sidecarDir ?? join(dataDir, 'sidecars')

export const MADE: Made = { version: VERSION, pins: OPENCODE_PINS }

/** What counts as bundled lies beside it. */
export const executablePath = (): string => (isCompiled(Bun.main) ? process.execPath : Bun.main)

/**
 * Does something that a signal may end at any time.
 * @throws OpenworkError `interrupted`, saying what became of it
 */
export async function interruptible<Result>(
  outcome: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const interruptions = takeInterruptions()
  try {
    return await Promise.race([work(interruptions.signal), interruptions.forced])
  } catch (error) {
    if (!interruptions.signal.aborted) throw error
    throw new OpenworkError('interrupted', `Interrupted; ${outcome}`, {
      exitCode: interruptions.exitCode(),
      cause: error,
    })
  } finally {
    interruptions.release()
  }
}
