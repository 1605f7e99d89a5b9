import { lstat, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import type { Place } from './folder.ts'
import { isTemporaryName } from './temporary-name.ts'

/** No write takes so long: a temporary file of this age was left by a process that was killed. */
const LEFT_BEHIND_MS = 10 * 60_000

/** Folders remembered as swept; beyond it the oldest are forgotten, and swept once more. */
const MAX_SWEPT = 1000

/** Removes what killed writers left, from the folders that are written to. */
export class Leftovers {
  readonly #sweptMs = new Map<string, number>()

  /** Looks through the folder of a place, at most once in ten minutes. */
  async sweepBeside(place: Place, nowMs: number): Promise<void> {
    const folder = dirname(place.real)
    const sweptMs = this.#sweptMs.get(folder)
    if (sweptMs !== undefined && nowMs - sweptMs < LEFT_BEHIND_MS) return
    this.#sweptMs.delete(folder)
    this.#sweptMs.set(folder, nowMs)
    const [oldest] = this.#sweptMs.keys()
    if (oldest !== undefined && this.#sweptMs.size > MAX_SWEPT) this.#sweptMs.delete(oldest)
    await removeLeftovers(place.beside('.'), nowMs)
  }
}

/** Removes the temporary files in a folder that nobody works on any more; a folder that is gone has none. */
export async function removeLeftovers(folder: string, nowMs: number): Promise<void> {
  try {
    for (const name of (await readdir(folder)).filter(isTemporaryName)) {
      const { mtimeMs } = await lstat(join(folder, name))
      if (nowMs - mtimeMs >= LEFT_BEHIND_MS) await rm(join(folder, name), { force: true })
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error // a housekeeper that is refused does not stop the work
  }
}
