import { copyFile, link, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { LINK_PREFIX } from '../cache/cache-layout.ts'

/** Gives an executable another name in its folder: a hard link, or a copy where there are none. */
export async function linkExecutable(executable: string, name: string): Promise<void> {
  const scratch = await mkdtemp(join(dirname(executable), LINK_PREFIX))
  try {
    const linked = join(scratch, name)
    await link(executable, linked).catch(async error => {
      if (!NO_HARD_LINKS.has(systemCode(error) ?? '')) throw error
      await copyFile(executable, linked)
    })
    await rename(linked, join(dirname(executable), name))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What file systems without hard links, or with a low limit of them, answer. */
const NO_HARD_LINKS = new Set(['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL', 'EISDIR'])
