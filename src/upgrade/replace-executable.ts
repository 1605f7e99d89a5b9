import { copyFile, link, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf, OpenworkError, systemCode } from '../shared/errors.ts'
import { executableFiles } from './executable-files.ts'

/** The other names of the executable. */
const OTHER_NAMES = ['openwork-server', 'opencode-router']

/**
 * Puts the file `next` in the place of the executable at `path` and keeps what was there as `previous`. Whoever is killed
 * in the middle leaves a whole executable under that name: the old one or the new one. Those that run go on with theirs.
 *
 * @param verify told to look at the new one in its place; when it throws, everything is as before
 * @throws OpenworkError `upgrade_failed` when the file system refuses; what `verify` throws
 */
export async function replaceExecutable(path: string, verify: () => Promise<void>): Promise<void> {
  const { previous, next } = executableFiles(path)
  const kept = keptBy(previous)
  try {
    await settle(path)
    const ours = [await inodeOf(path), await inodeOf(previous)]
    await stat(next)
    await keep(path, kept)
    try {
      await rename(next, path)
      await verify()
      await rename(kept, previous)
    } catch (error) {
      if (process.platform === 'win32') await rm(path, { force: true })
      await rename(kept, path)
      await rm(kept, { force: true }) // two names of one file: rename leaves both
      throw error
    }
    await relink(path, ours)
  } catch (error) {
    if (error instanceof OpenworkError || systemCode(error) === undefined) throw error
    throw new OpenworkError('upgrade_failed', `${path} could not be replaced: ${messageOf(error)}`, {
      hint: 'It is what it was before. See to the rights of its folder and the space on its disk.',
      cause: error,
    })
  }
}

/** Ends what was killed in the middle, so that `previous` is what was there before the last upgrade. */
export async function settle(path: string): Promise<void> {
  const { previous } = executableFiles(path)
  const kept = keptBy(previous)
  await rm(copying(kept), { force: true })
  const inode = await inodeOf(kept)
  if (inode === undefined) return
  if (inode === (await inodeOf(path))) await rm(kept, { force: true })
  else await rename(kept, previous)
}

/** The old one, until the new one has shown itself in its place: an upgrade in vain leaves `previous` as it was. */
const keptBy = (previous: string): string => `${previous}.new`

/** Gives a file a second name; a copy where there are no links. Windows only renames what runs. */
async function keep(path: string, kept: string): Promise<void> {
  if (process.platform === 'win32') await rename(path, kept)
  else await linkOrCopy(path, kept)
}

/** Names that were links to what was here before are links to what is here now. Others are not ours. */
async function relink(path: string, ours: readonly (string | undefined)[]): Promise<void> {
  const suffix = /\.exe$/i.exec(path)?.[0] ?? ''
  for (const name of OTHER_NAMES) {
    const sibling = join(dirname(path), `${name}${suffix}`)
    const inode = await inodeOf(sibling)
    if (inode === undefined || !ours.includes(inode)) continue
    // It serves as it is: the name decides what it does, and a host does not use it.
    await linkOver(path, sibling).catch((error: unknown) => {
      if (systemCode(error) === undefined) throw error
    })
  }
}

async function linkOver(path: string, name: string): Promise<void> {
  const temporary = `${name}.new`
  await rm(temporary, { force: true })
  await linkOrCopy(path, temporary)
  await rename(temporary, name)
}

async function linkOrCopy(path: string, name: string): Promise<void> {
  await link(path, name).catch(async (error: unknown) => {
    if (!NO_HARD_LINKS.has(systemCode(error) ?? '')) throw error
    await copyFile(path, copying(name)) // may be killed in the middle, and leave half of it
    await rename(copying(name), name)
  })
}

const copying = (name: string): string => `${name}.copying`

const NO_HARD_LINKS = new Set(['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'])

/** Undefined when there is no such file. */
async function inodeOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return `${dev}:${ino}`
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
