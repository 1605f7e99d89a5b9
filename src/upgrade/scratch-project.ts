import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Works in an empty project of its own: package managers take the settings of the one they are called in. */
export async function inScratchProject<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-upgrade-'))
  try {
    // Without it npm walks up and reads the settings of whatever project it finds.
    await writeFile(join(folder, 'package.json'), '{"private":true}\n', { mode: 0o600 })
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
