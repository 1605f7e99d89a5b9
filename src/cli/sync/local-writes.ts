import { constants } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, rename, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { hashFile, hashOf, notPlain, realFolder } from './local-folder.ts'
import { temporaryName } from './temporary-name.ts'

export type Placed =
  | { readonly as: 'created' | 'updated' | 'same' }
  /** What was there is kept under this path, relative to the root. */
  | { readonly as: 'conflict'; readonly copy: string }

/** How often a file may appear and vanish under our hands, within some two seconds, before we give up. */
const ATTEMPTS = 10

/**
 * Puts a file into the folder. What is there and is not `expectedHash` is kept under the first free name of `copyName`,
 * also when it was saved in the very moment: the place is emptied first, by a rename, so that what is looked at is what
 * was there last, and is only filled while it is empty. A crash in between leaves the place empty and the file beside.
 * @throws OpenworkError invalid_path (no plain file is there, or a folder leads elsewhere), conflict
 */
export async function placeFile(
  root: string,
  path: string,
  bytes: Uint8Array,
  { expectedHash, copyName }: { expectedHash: string | undefined; copyName(attempt: number): string },
): Promise<Placed> {
  const folder = await ensureFolder(root, path)
  const target = join(folder, basename(path))
  const hash = hashOf(bytes)
  const temporary = join(folder, temporaryName('new'))
  let placed: Placed = { as: 'created' }
  try {
    await writeNew(temporary, bytes)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      // Of many who want the place each tries again at another moment.
      if (attempt > 1) await delay(Math.random() * 2 ** attempt)
      if (await linkIfFree(temporary, target)) return placed
      const current = await hashFile(target)
      if (current?.hash === hash) return placed.as === 'created' ? { as: 'same' } : placed
      await using aside = await takeAside(target)
      if (!aside) continue // gone by itself
      if (aside.hash !== expectedHash) placed = { as: 'conflict', copy: await keepCopy(root, aside.path, copyName) }
      else if (placed.as === 'created') placed = { as: 'updated' }
      await chmod(temporary, aside.mode)
      const isPlaced = await linkIfFree(temporary, target)
      aside.mayGo = isPlaced || aside.hash === expectedHash
      if (isPlaced) return placed
      // Somebody else was quicker: theirs is looked at next.
    }
    throw new OpenworkError('conflict', `${path} keeps changing`)
  } finally {
    await unlinkIfThere(temporary)
  }
}

/**
 * Deletes a file if it is what is expected.
 * @throws OpenworkError conflict, invalid_path
 */
export async function removeFile(root: string, path: string, expectedHash: string): Promise<void> {
  const folder = await realFolder(root, path)
  if (folder === undefined) return
  const target = join(folder, basename(path))
  const current = await hashFile(target)
  if (!current) return
  if (current.hash === expectedHash) {
    const taken = await takeAside(target)
    if (!taken) return
    await using aside = taken
    const isExpected = aside.hash === expectedHash
    aside.mayGo = isExpected
    if (isExpected) return
  }
  throw new OpenworkError('conflict', `${path} was changed and is kept`)
}

/**
 * Removes what killed syncs left in the folder. What was taken out of its place and is not known otherwise is kept
 * under the first free name of `copyName`; returned are these names.
 */
export async function clearLeftovers(
  root: string,
  paths: readonly string[],
  { isKnown, copyName }: { isKnown(hash: string): boolean; copyName(path: string, attempt: number): string },
): Promise<{ path: string; copy: string }[]> {
  const copies: { path: string; copy: string }[] = []
  for (const path of paths) {
    const file = join(root, path)
    const content = path.endsWith('.old') ? await hashFile(file) : undefined
    if (!content || isKnown(content.hash)) await unlinkIfThere(file)
    else copies.push({ path, copy: await keepCopy(root, file, attempt => copyName(path, attempt)) })
  }
  return copies
}

type Aside = AsyncDisposable & {
  readonly path: string
  readonly hash: string
  /** Permission bits. */
  readonly mode: number
  /** Otherwise it is put back at the end; where something else is by now, it stays where it is. */
  mayGo: boolean
}

/** Moves what is at `target` to a name of its own; undefined when nothing was there. The caller disposes it. */
async function takeAside(target: string): Promise<Aside | undefined> {
  const path = join(dirname(target), temporaryName('old'))
  try {
    await rename(target, path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  const [file, { mode }] = [await hashFile(path), await lstat(path)]
  const aside: Aside = {
    path,
    hash: file?.hash ?? '',
    mode: mode & 0o777,
    mayGo: false,
    async [Symbol.asyncDispose]() {
      try {
        if (aside.mayGo || (await linkIfFree(path, target))) await unlinkIfThere(path)
      } catch (error) {
        ignoreMissing(error) // it has become a copy
      }
    },
  }
  return aside
}

async function keepCopy(root: string, aside: string, copyName: (attempt: number) => string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const copy = copyName(attempt)
    if (!(await linkIfFree(aside, join(root, copy)))) continue
    await unlink(aside)
    return copy
  }
}

/** Folder by folder, none of them a symbolic link. */
async function ensureFolder(root: string, path: string): Promise<string> {
  let folder = root
  for (const name of dirname(path).split('/')) {
    if (name === '.') continue
    folder = join(folder, name)
    await mkdir(folder).catch(error => {
      if (systemCode(error) !== 'EEXIST') throw error
    })
    if (!(await lstat(folder)).isDirectory()) throw notPlain(path, `${name} is not a folder`)
  }
  const real = await realFolder(root, path)
  if (real === undefined) throw notPlain(path, 'its folder was removed meanwhile')
  return real
}

/** Without fsync: what a crash of the machine takes is still on the server, and the next sync sees that it differs. */
const writeNew = (path: string, bytes: Uint8Array): Promise<void> => writeFile(path, bytes, { flag: 'wx' })

/** A second name for a file; false when that name is taken. */
async function linkIfFree(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    switch (systemCode(error)) {
      case 'EEXIST':
        return false
      // File systems without hard links, as on memory cards; the kernel's word for it differs.
      case 'EPERM':
      case 'ENOTSUP':
      case 'EOPNOTSUPP':
      case 'ENOSYS':
        return copyIfFree(from, to)
      default:
        throw error
    }
  }
}

async function copyIfFree(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}

const unlinkIfThere = (path: string): Promise<void> => unlink(path).catch(ignoreMissing)

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error
}
