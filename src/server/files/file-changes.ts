import type { BigIntStats } from 'node:fs'
import { lstat, mkdir, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { basename, dirname, sep } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { type Expectation, findEntry, renameToFree, taken, writeAtomically } from './atomic-write.ts'
import { openPlace, type Place } from './folder.ts'
import { Leftovers, removeLeftovers } from './leftovers.ts'
import { PathLocks } from './path-locks.ts'
import { revisionOf, wholeMs } from './revision.ts'
import { invalidPath, resolveInside } from './safe-path.ts'

/** A change that happened, for the listing and its events; in paths without links, as listings have them. */
export type ChangeNote =
  | { type: 'write'; path: string; revision: string }
  | { type: 'mkdir'; path: string }
  | { type: 'delete'; path: string }
  | { type: 'rename'; path: string; toPath: string; revision: string }

/** Where a change is made, and who is told of it: at once, before the next change of the same place begins. */
export type Target = { root: string; note(change: ChangeNote): void }

export type Written = { bytes: number; updatedAt: number; revision: string; previousRevision: string | null }

/** How often a change looks for its folders again when somebody moves them away under its hands. */
const ATTEMPTS = 5

/** What the file systems of all three systems take. */
const MAX_NAME = 255

/**
 * Changes the files of workspaces, changes of one place one after the other. Paths are those of `findRelativePath`.
 * Everything throws `invalid_path` for a path that leads out of the workspace at the moment of use, and system errors.
 */
export class FileChanges {
  /** For all workspaces together: one may lie in another. */
  readonly #locks = new PathLocks()
  readonly #leftovers = new Leftovers()

  /** Creates the folders too. Throws `conflict` (`details`: `expectedRevision`, `currentRevision`). */
  write(target: Target, path: string, bytes: Uint8Array, expected: Expectation): Promise<Written> {
    return this.#at(target.root, [path], async ([real]) => {
      // Nothing is created for a write that will not happen.
      const isGone = expected.be === 'revision' && !(await this.#exists(target.root, path))
      if (isGone) throw staleRevision(expected.revision)
      await using place = await openCreated(target.root, path, real)
      const { written, previous } = await madeFor(place, async () => {
        await this.#leftovers.sweepBeside(place, Date.now())
        return writeAtomically(place, bytes, { expected, given: path })
      })
      const revision = revisionOf(written)
      target.note({ type: 'write', path: place.listed, revision })
      return {
        bytes: bytes.length,
        updatedAt: wholeMs(written),
        revision,
        previousRevision: previous ? revisionOf(previous) : null,
      }
    })
  }

  /** With its parents; one that is there is fine. Throws `conflict` when something else is. */
  mkdir(target: Target, path: string): Promise<void> {
    return this.#at(target.root, [path], async ([real]) => {
      await using place = await openCreated(target.root, path, real)
      try {
        await madeFor(place, () => mkdir(place.path))
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error
        if ((await findEntry(place.path))?.isDirectory()) return
        throw taken()
      }
      target.note({ type: 'mkdir', path: place.listed })
    })
  }

  /**
   * A link is deleted itself, not what it leads to. Throws `file_not_found`, or `operation_failed` for a folder that is
   * not empty, unless `recursive`.
   */
  delete(target: Target, path: string, { recursive }: { recursive: boolean }): Promise<void> {
    return this.#at(target.root, [path], async ([real]) => {
      await using place = await openFound(target.root, path, real)
      const entry = requireEntry(await findEntry(place.path), path)
      await place.recheck()
      if (!entry.isDirectory()) await unlink(place.path)
      else if (recursive) await rm(place.path, { recursive: true })
      else await removeEmptyFolder(place.path)
      target.note({ type: 'delete', path: place.listed })
    })
  }

  /**
   * Creates the folders of `to`. Throws `file_not_found`, or `conflict` when there is something under the new name: a
   * file is replaced when `overwrite`, anything else never. Resolves to the revision under the new name.
   */
  rename(target: Target, from: string, to: string, { overwrite }: { overwrite: boolean }): Promise<string> {
    return this.#at(target.root, [from, to], async ([realFrom, realTo]) => {
      await using source = await openFound(target.root, from, realFrom)
      const entry = requireEntry(await findEntry(source.path), from)
      if (entry.isDirectory() && realTo?.startsWith(source.real + sep)) throw intoItself()
      await using goal = await openCreated(target.root, to, realTo)
      await madeFor(goal, () => moveEntry(entry, source, goal, overwrite))
      const revision = revisionOf((await findEntry(goal.path)) ?? entry)
      target.note({ type: 'rename', path: source.listed, toPath: goal.listed, revision })
      return revision
    })
  }

  /**
   * Runs `work` with the real places of the paths locked. They are looked up before, since a lock needs a name, and
   * once more by `work`: when a folder was moved meanwhile, the wrong place is locked, and all begins again.
   */
  async #at<Result>(
    root: string,
    paths: readonly string[],
    work: (reals: readonly string[]) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      const reals = await Promise.all(paths.map(path => resolveInside(root, path)))
      try {
        return await this.#locks.with(reals, () => work(reals))
      } catch (error) {
        if (!(error instanceof PlaceMoved) || attempt === ATTEMPTS) throw error instanceof PlaceMoved ? moved() : error
      }
    }
  }

  async #exists(root: string, path: string): Promise<boolean> {
    await using place = await openPlace(root, path)
    return place !== undefined && (await findEntry(place.path)) !== undefined
  }
}

/** The place is not the one that is locked any more. */
class PlaceMoved extends Error {}

const moved = (): OpenworkError =>
  new OpenworkError('operation_failed', 'The folders of the path do not stay where they are')

/** Nothing is created for a name that no file can have. */
async function openCreated(root: string, path: string, locked: string | undefined): Promise<Place> {
  if (path.split('/').some(isTooLong)) throw invalidPath(path, 'a name in it is too long')
  try {
    return await requireLocked(await openPlace(root, path, { create: true }), locked, path)
  } catch (error) {
    throw systemCode(error) === 'ENOENT' ? new PlaceMoved() : error
  }
}

/** Windows counts UTF-16 units, all others bytes. */
const isTooLong = (name: string): boolean =>
  (process.platform === 'win32' ? name.length : Buffer.byteLength(name)) > MAX_NAME

/** Work at a place whose folders may just have been made: they go again when it fails. */
async function madeFor<Result>(place: Place, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    // Another change that failed had made the folder, and took it away again.
    const isGone = systemCode(error) === 'ENOENT' && !(await findEntry(dirname(place.real)))
    await place.unmake()
    throw isGone ? new PlaceMoved() : error
  }
}

async function openFound(root: string, path: string, locked: string | undefined): Promise<Place> {
  return requireLocked(await openPlace(root, path), locked, path)
}

async function requireLocked(place: Place | undefined, locked: string | undefined, path: string): Promise<Place> {
  if (!place) throw fileNotFound(path)
  if (place.real === locked) return place
  await place.unmake()
  await place[Symbol.asyncDispose]()
  throw new PlaceMoved()
}

function requireEntry(entry: BigIntStats | undefined, path: string): BigIntStats {
  if (entry) return entry
  throw fileNotFound(path)
}

const fileNotFound = (path: string): OpenworkError =>
  new OpenworkError('file_not_found', `There is nothing under ${JSON.stringify(path)}`)

const intoItself = (): OpenworkError => new OpenworkError('operation_failed', 'A folder cannot be moved into itself')

const staleRevision = (expectedRevision: string): OpenworkError =>
  new OpenworkError('conflict', 'The file is not there any more', {
    details: { expectedRevision, currentRevision: null },
  })

/** What a killed writer left is not seen in listings, and must not keep a folder from looking empty. */
async function removeEmptyFolder(path: string): Promise<void> {
  await removeLeftovers(path, Date.now())
  try {
    await rmdir(path)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    throw new OpenworkError('operation_failed', 'The folder is not empty', { hint: 'Say recursive to delete it' })
  }
}

async function moveEntry(entry: BigIntStats, source: Place, goal: Place, overwrite: boolean): Promise<void> {
  const there = await findEntry(goal.path)
  const isSameFile = there !== undefined && isOneFile(entry, there)
  const isOneEntry = isSameFile && (await areOneEntry(source, goal))
  await source.recheck()
  await goal.recheck()
  if (!there && entry.isFile()) return renameToFree(source.path, goal.path)
  if (there && !(isOneEntry && source.real !== goal.real)) {
    if (!overwrite || !there.isFile() || !entry.isFile()) throw taken()
  }
  await rename(source.path, goal.path)
  if (!isSameFile || isOneEntry) return
  // Of two hard links of one file, POSIX has `rename` leave both and say that all is well.
  const left = await findEntry(source.path)
  if (left && isOneFile(entry, left)) await unlink(source.path)
}

const isOneFile = (a: BigIntStats, b: BigIntStats): boolean => a.dev === b.dev && a.ino === b.ino

/**
 * Whether two places of one file are one entry: `Notes.md` and `notes.md`, where the file system takes both for one.
 * Otherwise they are hard links. When in doubt they are one: taking one entry of two away loses nothing, but the only
 * one is the file.
 */
async function areOneEntry(source: Place, goal: Place): Promise<boolean> {
  if (source.real === goal.real) return true
  const [from, to] = await Promise.all([source, goal].map(place => lstat(place.beside('.'), { bigint: true })))
  if (from && to && !isOneFile(from, to)) return false
  const names = new Set(await readdir(source.beside('.')))
  return ![source, goal].every(({ real }) => names.has(basename(real)))
}
