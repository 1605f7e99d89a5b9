import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import type { Place } from './folder.ts'
import { revisionOf } from './revision.ts'
import { invalidPath } from './safe-path.ts'
import { temporaryName } from './temporary-name.ts'

/** What has to be under the path for a write to happen. */
export type Expectation = { be: 'anything' } | { be: 'nothing' } | { be: 'revision'; revision: string }

/**
 * The file at a place, never a link's target. Undefined when there is nothing. Throws `invalid_path` for what a file
 * must not replace: a folder, a link, a device.
 */
export async function findFile(path: string, given: string): Promise<BigIntStats | undefined> {
  const stat = await findEntry(path)
  if (stat === undefined || stat.isFile()) return stat
  const kind = stat.isDirectory() ? 'a folder' : stat.isSymbolicLink() ? 'a symbolic link' : 'no regular file'
  throw invalidPath(given, `it is ${kind}`)
}

/** Whatever is under the path, a link as itself. Undefined when there is nothing. */
export async function findEntry(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Throws `conflict` (`details`: `expectedRevision`, `currentRevision`) when the file is not as expected. */
export function requireExpected(expected: Expectation, current: BigIntStats | undefined): void {
  const currentRevision = current ? revisionOf(current) : null
  const expectedRevision = expected.be === 'revision' ? expected.revision : null
  if (expected.be === 'anything' || expectedRevision === currentRevision) return
  const message = expected.be === 'nothing' ? 'There is a file already' : 'The file is not the one that was expected'
  throw new OpenworkError('conflict', message, { details: { expectedRevision, currentRevision } })
}

/**
 * Puts a file at a place in one step: whoever looks, also after a crash, sees the old content or the new one. A file
 * that is replaced hands down its mode and owner. Throws `conflict` when it is not as expected in the last moment too,
 * `invalid_path`, or a system error. Returns the stat of what was written.
 */
export async function writeAtomically(
  place: Place,
  bytes: Uint8Array,
  { expected, given }: { expected: Expectation; given: string },
): Promise<{ written: BigIntStats; previous: BigIntStats | undefined }> {
  const previous = await findFile(place.path, given)
  requireExpected(expected, previous)
  const temporary = place.beside(temporaryName())
  const handle = await open(temporary, CREATE_FILE, previous ? 0o600 : 0o666)
  try {
    await fill(handle, bytes, previous)
    await place.recheck()
    if (expected.be !== 'anything') requireExpected(expected, await findFile(place.path, given))
    if (expected.be === 'nothing') await renameToFree(temporary, place.path)
    else await rename(temporary, place.path)
    return { written: await handle.stat({ bigint: true }), previous }
  } catch (error) {
    await unlink(temporary).catch(() => {}) // what failed before may have taken the folder with it
    throw error
  } finally {
    await handle.close()
  }
}

const CREATE_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)

async function fill(handle: FileHandle, bytes: Uint8Array, previous: BigIntStats | undefined): Promise<void> {
  await handle.writeFile(bytes)
  if (previous) {
    await keepOwner(handle, previous)
    await handle.chmod(Number(previous.mode & 0o777n))
  }
  const seconds = distinctTime()
  await handle.utimes(seconds, seconds)
  await handle.sync()
}

/** For a server that runs as root in a container on somebody's folder. Others cannot, and need not. */
async function keepOwner(handle: FileHandle, { uid, gid }: BigIntStats): Promise<void> {
  const own = await handle.stat({ bigint: true })
  if (own.uid === uid && own.gid === gid) return
  await handle.chown(Number(uid), Number(gid)).catch(error => {
    if (systemCode(error) !== 'EPERM') throw error
  })
}

let lastTimeUs = 0

/** Now, in seconds; no two calls get the same microsecond. File systems tick in milliseconds, and revisions must differ. */
function distinctTime(): number {
  lastTimeUs = Math.max(lastTimeUs + 1, Date.now() * 1000)
  return lastTimeUs / 1e6
}

/**
 * Renames a file to a name that is free. Throws `conflict` when it is not, also when somebody takes it in this very
 * moment; where the file system knows no hard links that moment stays open.
 */
export async function renameToFree(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw taken()
    if (!WITHOUT_HARD_LINKS.has(systemCode(error) ?? '')) throw error
    if (await findEntry(to)) throw taken()
    return rename(from, to)
  }
  await unlink(from)
}

const WITHOUT_HARD_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
])

export const taken = (): OpenworkError =>
  new OpenworkError('conflict', 'There is something under that name already', {
    hint: 'Say overwrite to replace a file',
  })
