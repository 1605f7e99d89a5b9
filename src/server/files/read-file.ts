import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { findEntry } from './atomic-write.ts'
import { openPlace, pathOfOpen } from './folder.ts'
import { findRoot, invalidPath, requireInside } from './safe-path.ts'

/** A pipe would otherwise wait for a writer, and a link is put in the place of a file by those who mean harm. */
const OPEN_FILE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0)

export type OpenedFile = { handle: FileHandle; stat: BigIntStats }

/**
 * Opens a file of a workspace for reading, links followed as far as they stay inside. Throws `invalid_path` for one
 * that leads out, `file_not_found` (also for what is no file), or a system error. The caller closes the handle.
 */
export async function openFile(root: string, relative: string): Promise<OpenedFile> {
  const realRoot = await findRoot(root)
  const path = await findReal(realRoot, relative)
  if (path === undefined) throw fileNotFound(relative)
  const handle = await open(path, OPEN_FILE)
  try {
    const stat = await handle.stat({ bigint: true })
    if (!stat.isFile()) throw fileNotFound(relative)
    requireInside(realRoot, await whereOpened(handle, path, stat), relative)
    return { handle, stat }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * What is under a path, links followed as far as they stay inside; undefined when there is nothing. Throws
 * `invalid_path` for a link that leads out, or a system error.
 */
export async function findInside(root: string, relative: string): Promise<BigIntStats | undefined> {
  const realRoot = await findRoot(root)
  const path = await findReal(realRoot, relative)
  if (path === undefined) return undefined
  if (path === realRoot) return lstat(path, { bigint: true })
  await using place = await openPlace(realRoot, path.slice(realRoot.length).split(sep).filter(Boolean).join('/'))
  return place && (await findEntry(place.path)) // awaited here: the folder is closed on leaving
}

/** Undefined when there is nothing under the path. */
async function findReal(realRoot: string, relative: string): Promise<string | undefined> {
  try {
    return requireInside(realRoot, await realpath(join(realRoot, relative)), relative)
  } catch (error) {
    switch (systemCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
        await requireParentInside(realRoot, relative)
        return undefined
      case 'ELOOP':
        throw invalidPath(relative, 'its symbolic links go in circles')
      case 'ENAMETOOLONG':
        throw invalidPath(relative, 'a name in it is too long')
      default:
        throw error
    }
  }
}

/** Otherwise a link out of the workspace would tell what is there, and what is not. */
async function requireParentInside(realRoot: string, relative: string): Promise<void> {
  const parent = dirname(relative)
  try {
    requireInside(realRoot, await realpath(join(realRoot, parent)), relative)
  } catch (error) {
    const code = systemCode(error)
    if ((code !== 'ENOENT' && code !== 'ENOTDIR') || parent === '.') throw error
    await requireParentInside(realRoot, parent)
  }
}

/** Where a file is that was opened by `path`: a folder on the way may have become a link between look and opening. */
async function whereOpened(handle: FileHandle, path: string, { dev, ino }: BigIntStats): Promise<string> {
  const opened = await pathOfOpen(handle)
  if (opened !== undefined) return opened
  const now = await realpath(path)
  const there = await lstat(now, { bigint: true })
  if (there.dev === dev && there.ino === ino) return now
  throw new OpenworkError('file_not_found', 'The file was replaced while it was opened')
}

/** Some milliseconds pass while a file is read; who edits it in place meanwhile is waited for so many times. */
const READ_ATTEMPTS = 3

export type FileContent = { bytes: Uint8Array; stat: BigIntStats }

/**
 * The content of a file and the stat that goes with it. `allow` throws for a size that must not be read. Throws as
 * `openFile`.
 */
export async function readFile(root: string, relative: string, allow: (size: number) => void): Promise<FileContent> {
  const { handle, stat: first } = await openFile(root, relative)
  try {
    let stat = first
    for (let attempt = 1; ; attempt += 1) {
      allow(Number(stat.size))
      const bytes = await readUpTo(handle, Number(stat.size))
      const after = await handle.stat({ bigint: true })
      // The older stat goes with a content that never stood still: a write that builds on it is then a conflict.
      if (isUnchanged(stat, after) || attempt === READ_ATTEMPTS) return { bytes, stat }
      stat = after
    }
  } finally {
    await handle.close()
  }
}

const isUnchanged = (before: BigIntStats, after: BigIntStats): boolean =>
  before.mtimeNs === after.mtimeNs && before.size === after.size

async function readUpTo(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

const fileNotFound = (path: string): OpenworkError =>
  new OpenworkError('file_not_found', `There is no file ${JSON.stringify(path)}`)
