import { constants, existsSync } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readlink, realpath, rmdir } from 'node:fs/promises'
import { basename, dirname, join, relative as relativePath, sep } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { findFolder, findRoot, invalidPath, requireInside, unusableFolder } from './safe-path.ts'

/** Where Linux shows what this process has open. A path through it leads to the very folder, wherever that is by now. */
const OPEN_FILES = '/proc/self/fd'
const showsOpenFiles = process.platform === 'linux' && existsSync(OPEN_FILES)

const OPEN_FOLDER = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)

/** Where the file or folder behind a handle really is at this moment; undefined where the system does not tell. */
export const pathOfOpen = async (handle: FileHandle): Promise<string | undefined> =>
  showsOpenFiles ? linkOf(handle) : undefined

const linkOf = ({ fd }: FileHandle): Promise<string> => readlink(`${OPEN_FILES}/${fd}`)

/** A place in a workspace: the folder it is in, held open, and its name there. */
export type Place = {
  /** Absolute and real, as it was when the folder was opened. For locks, audit and people. */
  readonly real: string
  /** Relative to the workspace, links resolved, segments joined by `/`: as listings name it. */
  readonly listed: string
  /** Leads to the same place, and on Linux nowhere else, whatever is renamed or replaced by a link meanwhile. */
  readonly path: string
  /** A path of the same kind for another name beside it. */
  beside(name: string): string
  /** Throws `invalid_path` when the folder is not where it was. Nothing to do on Linux, where `path` cannot be diverted. */
  recheck(): Promise<void>
  /** Takes the folders away that were made for it, as far as they are empty. For a change that failed; never throws. */
  unmake(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * The place of a relative path, its folder found to be inside `root` with all links followed. Undefined when the folder
 * is not there, unless `create`. The last segment is not looked at. Throws `invalid_path`. The caller closes it.
 */
export async function openPlace(
  root: string,
  relative: string,
  { create = false }: { create?: boolean } = {},
): Promise<Place | undefined> {
  const realRoot = await findRoot(root)
  const segments = relative.split('/')
  const name = segments.pop() ?? ''
  for (let known = segments.length; ; known -= 1) {
    const folder = await Folder.open(realRoot, segments.slice(0, known).join('/'), relative)
    if (!folder && known === 0) throw invalidPath(relative, 'the workspace folder is gone')
    if (!folder && !create) return undefined
    if (!folder) continue
    const missing = segments.slice(known)
    return placeIn(realRoot, missing.length === 0 ? folder : await folder.descend(missing, relative), name, relative)
  }
}

function placeIn(realRoot: string, folder: Folder, name: string, given: string): Place {
  const real = join(folder.real, name)
  return {
    real,
    listed: relativePath(realRoot, real).replaceAll(sep, '/'),
    path: folder.pathOf(name),
    beside: other => folder.pathOf(other),
    recheck: () => folder.recheck(given),
    unmake: () => folder.unmake(),
    [Symbol.asyncDispose]: () => folder.close(),
  }
}

/** A folder inside a workspace. On Linux it is held by a descriptor; elsewhere by its real path, looked at again before use. */
class Folder {
  readonly real: string
  readonly #handle: FileHandle | undefined
  /** How many folders of the path, this one the last, are ours. */
  readonly #made: number

  private constructor(real: string, handle: FileHandle | undefined, made = 0) {
    this.real = real
    this.#handle = handle
    this.#made = made
  }

  /** Follows links, and only then asks where it came out. Undefined when it is not there. */
  static async open(realRoot: string, relative: string, given: string): Promise<Folder | undefined> {
    const path = join(realRoot, relative)
    try {
      return showsOpenFiles ? await Folder.#hold(path, realRoot, given) : await Folder.#find(path, realRoot, given)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw unusableFolder(error, given)
    }
  }

  static async #hold(path: string, realRoot: string, given: string): Promise<Folder> {
    const handle = await open(path, OPEN_FOLDER)
    try {
      return new Folder(requireInside(realRoot, await linkOf(handle), given), handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  static async #find(path: string, realRoot: string, given: string): Promise<Folder | undefined> {
    const real = await findFolder(path, given)
    return real === undefined ? undefined : new Folder(requireInside(realRoot, real, given), undefined)
  }

  pathOf(name: string): string {
    return this.#handle ? `${OPEN_FILES}/${this.#handle.fd}/${name}` : join(this.real, name)
  }

  /** Makes folders one in the other, and goes into the last. Closes itself. What was made for a failure goes again. */
  async descend(names: readonly string[], given: string): Promise<Folder> {
    let folder: Folder = this
    for (const name of names) {
      const parent = folder
      try {
        folder = await parent.#enter(name, given)
      } catch (error) {
        await parent.unmake()
        throw error
      } finally {
        await parent.close()
      }
    }
    return folder
  }

  async #enter(name: string, given: string): Promise<Folder> {
    const path = this.pathOf(name)
    const isMade = await makeFolder(path, given)
    try {
      // A link put here meanwhile is not followed.
      const handle = this.#handle && (await open(path, OPEN_FOLDER | constants.O_NOFOLLOW))
      // Below one that was there all are, or somebody else makes them in this moment: those stay.
      const folder = new Folder(join(this.real, name), handle, isMade ? this.#made + 1 : 0)
      await folder.recheck(given)
      return folder
    } catch (error) {
      if (isMade) await rmdir(path).catch(() => {}) // as in `unmake`
      throw unusableFolder(error, given)
    }
  }

  async unmake(): Promise<void> {
    try {
      if (this.#handle) return await removeUpwards(this.#handle, this.real, this.#made)
      for (let left = this.#made, path = this.real; left > 0; left -= 1, path = dirname(path)) await rmdir(path)
    } catch (error) {
      // Somebody uses it by now, or has taken it away.
      if (systemCode(error) === undefined) throw error
    }
  }

  async recheck(given: string): Promise<void> {
    if (this.#handle || (await realpath(this.real).catch(() => undefined)) === this.real) return
    throw invalidPath(given, 'a folder of it was replaced meanwhile')
  }

  async close(): Promise<void> {
    await this.#handle?.close()
  }
}

/** False when there is something already. Throws `invalid_path`. */
async function makeFolder(path: string, given: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw unusableFolder(error, given)
  }
}

/** `count` empty folders, this one the last. Goes up from what is held, where no link diverts it. */
async function removeUpwards(lowest: FileHandle, real: string, count: number): Promise<void> {
  let folder = lowest
  try {
    for (let left = count, name = real; left > 0; left -= 1, name = dirname(name)) {
      const held = await folder.stat({ bigint: true })
      const parent = await open(`${OPEN_FILES}/${folder.fd}/..`, OPEN_FOLDER)
      if (folder !== lowest) await folder.close()
      folder = parent
      const path = `${OPEN_FILES}/${parent.fd}/${basename(name)}`
      const found = await lstat(path, { bigint: true })
      if (found.dev !== held.dev || found.ino !== held.ino) return // it was moved, and another has its name
      await rmdir(path)
    }
  } finally {
    if (folder !== lowest) await folder.close()
  }
}
