import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../shared/errors.ts'
import { isRunning } from '../shared/is-running.ts'

/** A package manager goes on, in its folder, when the openwork that called it was killed; not for longer than this. */
const LEFT_AFTER_MS = 15 * 60_000

/**
 * Works in an empty folder of its own below `scratchDir`, which is made for this user alone. Not in the system's folder
 * for temporary files: package managers and opencode look for settings and plugins in the folders above the one they run
 * in, and anybody may put some there.
 */
export async function inScratchFolder<Result>(
  scratchDir: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  await mkdir(scratchDir, { recursive: true, mode: 0o700 })
  await removeLeftScratch(scratchDir)
  const folder = await mkdtemp(join(scratchDir, `scratch-${process.pid}-`))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Removes the folders of upgrades that were killed. */
export async function removeLeftScratch(scratchDir: string, nowMs = Date.now()): Promise<void> {
  for (const name of await namesIn(scratchDir)) {
    const pid = /^scratch-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || isRunning(Number(pid))) continue
    const folder = join(scratchDir, name)
    const isLeft = await stat(folder).then(
      ({ mtimeMs }) => nowMs - mtimeMs > LEFT_AFTER_MS,
      () => false, // another upgrade was quicker
    )
    if (isLeft) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** The same in an empty project: package managers take the settings of the one they are called in. */
export const inScratchProject = <Result>(
  scratchDir: string,
  work: (folder: string) => Promise<Result>,
): Promise<Result> =>
  inScratchFolder(scratchDir, async folder => {
    await writeFile(join(folder, 'package.json'), '{"private":true}\n', { mode: 0o600 })
    return await work(folder)
  })
