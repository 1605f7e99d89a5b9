import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

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
  const folder = await mkdtemp(join(scratchDir, 'scratch-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
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
