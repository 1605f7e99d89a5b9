import { constants, type Dirent } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { messageOf, OpenworkError, systemCode } from '../../shared/errors.ts'
import type { IsIgnored } from './ignore-rules.ts'
import { findNameProblem } from './names.ts'
import type { LocalFile, Skipped } from './plan.ts'
import { leftoverKind } from './temporary-name.ts'

export type LocalListing = {
  readonly files: ReadonlyMap<string, LocalFile>
  /** What could not be looked at, or is no file or folder. */
  readonly unknown: readonly Skipped[]
  /** What killed syncs left beside files. */
  readonly leftovers: readonly string[]
}

export type LocalContent = { readonly bytes: Uint8Array; readonly hash: string }

/** A system without them has no symbolic links to be led by, or follows none. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants

/**
 * The real path of the folder to sync; `create` makes it when it is missing.
 * @throws OpenworkError sync_folder_unusable
 */
export async function openLocalFolder(path: string, { create }: { create: boolean }): Promise<string> {
  try {
    if (create) await mkdir(path, { recursive: true })
    const root = await realpath(path)
    await readdir(root)
    return root
  } catch (cause) {
    const code = systemCode(cause)
    if (code === undefined) throw cause
    throw new OpenworkError('sync_folder_unusable', `Cannot use the folder ${path} (${code})`, { cause })
  }
}

/** Everything below the root that is not ignored. Symbolic links are not followed, not even to files. */
export async function listLocal(root: string, isIgnored: IsIgnored): Promise<LocalListing> {
  const files = new Map<string, LocalFile>()
  const unknown: Skipped[] = []
  const leftovers: string[] = []
  const skip = (path: string, reason: string): number => unknown.push({ do: 'skip', path, reason })

  const visit = async (folder: string, entry: Dirent): Promise<void> => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isFile() && leftoverKind(entry.name)) leftovers.push(path)
    if (isIgnored(entry.isDirectory() ? `${path}/` : path)) return
    const problem = findNameProblem(path, process.platform)
    if (problem !== undefined) return void skip(path, problem)
    if (entry.isDirectory()) return walk(path)
    if (entry.isSymbolicLink()) return void skip(path, 'a symbolic link')
    if (!entry.isFile()) return void skip(path, 'neither a file nor a folder')
    try {
      const file = await hashFile(join(root, path))
      if (file) files.set(path, file)
    } catch (error) {
      skip(path, reasonOf(error))
    }
  }
  const walk = async (folder: string): Promise<void> => {
    let entries: Dirent[]
    try {
      entries = await readdir(join(root, folder), { withFileTypes: true })
    } catch (error) {
      return void skip(folder, reasonOf(error))
    }
    for (const entry of entries) await visit(folder, entry)
  }
  await walk('')
  return { files, unknown, leftovers }
}

/**
 * A file of the folder; undefined when it is gone.
 * @throws OpenworkError file_too_large, invalid_path (no plain file, or its folder leads elsewhere)
 */
export async function readLocal(root: string, path: string, maxBytes: number): Promise<LocalContent | undefined> {
  const file = join(root, path)
  if ((await realFolder(root, path)) === undefined) return undefined
  await using handle = await openPlain(file)
  if (!handle) return undefined
  const bytes = new Uint8Array(await handle.readFile())
  if (bytes.length > maxBytes)
    throw new OpenworkError('file_too_large', `${path} is larger than ${maxBytes} bytes`, { details: { maxBytes } })
  return { bytes, hash: hashOf(bytes) }
}

export const hashOf = (bytes: Uint8Array): string => Bun.SHA256.hash(bytes, 'hex')

/**
 * Size and hash of a plain file, read piece by piece; undefined when there is nothing. Throws `invalid_path` for
 * anything else.
 */
export async function hashFile(path: string): Promise<LocalFile | undefined> {
  await using handle = await openPlain(path)
  if (!handle) return undefined
  const hasher = new Bun.CryptoHasher('sha256')
  let size = 0
  for await (const chunk of handle.createReadStream({ autoClose: false }) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    hasher.update(chunk)
  }
  return { size, hash: hasher.digest('hex') }
}

/**
 * The folder of a path when it is really there, below the root, with no symbolic link on the way; undefined when it is
 * missing. Throws `invalid_path`.
 */
export async function realFolder(root: string, path: string): Promise<string | undefined> {
  const folder = dirname(join(root, path))
  try {
    const real = await realpath(folder)
    if (real === folder) return folder
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  throw notPlain(path, 'a folder on the way is a symbolic link')
}

/** For reading; undefined when there is nothing. Does not wait for the other end of a pipe. */
async function openPlain(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    if (systemCode(error) === 'ELOOP') throw notPlain(basename(path), 'it is a symbolic link')
    throw error
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw notPlain(basename(path), 'it is not a plain file')
}

export const notPlain = (path: string, why: string): OpenworkError =>
  new OpenworkError('invalid_path', `${path.replaceAll(sep, '/')}: ${why}`)

const reasonOf = (error: unknown): string => systemCode(error) ?? messageOf(error)
