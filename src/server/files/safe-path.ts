import { lstat, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Workspace } from '../../api/workspaces.ts'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { isTemporaryName } from './temporary-name.ts'

/** Linux takes no longer path (PATH_MAX); a client that sends one means harm or is confused. */
const MAX_PATH_BYTES = 4096

/** What the sandbox calls the workspace's own folder; clients say `/workspace/a.md` for `a.md`. */
const SANDBOX_NAME = 'workspace'

/** Windows reads these as a drive, a stream of another file, or not at all. */
const WINDOWS_RESERVED = /[:*?"<>|\x00-\x1f]|[ .]$/

/**
 * A path inside a workspace as clients send it, in its one plain form: segments joined by `/`, none of them `.` or
 * `..`. Surrounding blanks, leading slashes, one `./` and the `workspace/` of an absolute path are taken off; `\` is
 * `/`. Says nothing about what is on the disk. Throws `invalid_path`.
 */
export function parseRelativePath(input: string): string {
  const given = input.trim().replaceAll('\\', '/')
  if (given.includes('\0')) throw invalidPath(input, 'it holds a NUL byte')
  if (!given.isWellFormed()) throw invalidPath(input, 'it is not valid Unicode')
  if (Buffer.byteLength(given) > MAX_PATH_BYTES) throw invalidPath(input, `it is longer than ${MAX_PATH_BYTES} bytes`)
  const segments = given
    .replace(/^\/+/, '')
    .replace(/^\.\//, '')
    .split('/')
    .filter(segment => segment !== '')
  const [first] = segments
  if (given.startsWith('/') && first === SANDBOX_NAME && segments.length > 1) segments.shift()
  if (segments.length === 0) throw invalidPath(input, 'it is empty')
  if (segments.some(segment => segment === '.' || segment === '..'))
    throw invalidPath(input, 'it holds a segment "." or ".."')
  if (segments.some(isTemporaryName)) throw invalidPath(input, 'the name is kept for files that are being written')
  if (process.platform === 'win32' && segments.some(segment => WINDOWS_RESERVED.test(segment)))
    throw invalidPath(input, 'Windows does not allow such a name')
  return segments.join('/')
}

/**
 * `parseRelativePath`, and what a relative `workspace/x` means: the folder `workspace` when the root has one, else `x`.
 * Throws `invalid_path`.
 */
export async function findRelativePath(root: string, input: string): Promise<string> {
  const path = parseRelativePath(input)
  const rest = path.startsWith(`${SANDBOX_NAME}/`) ? path.slice(SANDBOX_NAME.length + 1) : undefined
  if (rest === undefined || /^\s*\//.test(input) || (await exists(join(root, SANDBOX_NAME)))) return path
  return rest
}

/**
 * The absolute path of a relative one, its folders' symbolic links followed and found to lead nowhere outside `root`;
 * the last segment is not followed. Neither it nor its folders need to exist. True for this moment only: who writes
 * holds the folder (`openFolder`) instead. Throws `invalid_path`.
 */
export async function resolveInside(root: string, relative: string): Promise<string> {
  const realRoot = await findRoot(root)
  const path = parseRelativePath(relative)
  const segments = path.split('/')
  for (let known = segments.length - 1; ; known -= 1) {
    const found = await findFolder(join(realRoot, ...segments.slice(0, known)), relative)
    if (found !== undefined) return join(requireInside(realRoot, found, relative), ...segments.slice(known))
  }
}

/** The folder of a workspace. Throws `workspace_not_a_folder` for one that lives elsewhere. */
export function requireFolder({ id, path }: Workspace): string {
  if (path !== '') return path
  throw new OpenworkError('workspace_not_a_folder', `Workspace "${id}" has no folder on this machine`)
}

/** The real path of a workspace's folder. Throws `workspace_not_a_folder` when it is gone. */
export async function findRoot(root: string): Promise<string> {
  try {
    return await realpath(root)
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause
    const reason = systemCode(cause) === 'ENOENT' ? 'is gone' : `cannot be opened (${systemCode(cause)})`
    throw new OpenworkError('workspace_not_a_folder', `The folder of the workspace ${reason}`, { cause })
  }
}

/** `found`, when it is `root` or below it; both real. Throws `invalid_path`; `given` is what the client asked for. */
export function requireInside(root: string, found: string, given: string): string {
  if (found === root || found.startsWith(root.endsWith(sep) ? root : root + sep)) return found
  throw invalidPath(given, 'it leads out of the workspace')
}

export const invalidPath = (given: string, why: string): OpenworkError =>
  new OpenworkError('invalid_path', `The path ${JSON.stringify(abbreviated(given))} cannot be used: ${why}`)

const abbreviated = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)

/** For people and locks: `resolveInside`, or the plain path where the system does not let us look. Throws `invalid_path`. */
export async function absolutePathOf(root: string, relative: string): Promise<string> {
  try {
    return await resolveInside(root, relative)
  } catch (error) {
    if (systemCode(error) === undefined || error instanceof OpenworkError) throw error
    return join(root, relative)
  }
}

/** The real path of a folder; undefined when it is not there. Throws `invalid_path` for what can hold no file. */
export async function findFolder(path: string, given: string): Promise<string | undefined> {
  try {
    const found = await realpath(path)
    if ((await lstat(found)).isDirectory()) return found
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw unusableFolder(error, given)
  }
  throw notAFolder(given)
}

/** `invalid_path` for an error that speaks of the path's folders; any other as it is. */
export function unusableFolder(error: unknown, given: string): unknown {
  switch (systemCode(error)) {
    case 'ENOTDIR':
      return notAFolder(given)
    case 'ELOOP':
      return invalidPath(given, 'its symbolic links go in circles')
    case 'ENAMETOOLONG':
      return invalidPath(given, 'a name in it is too long')
    default:
      return error
  }
}

const notAFolder = (given: string): OpenworkError => invalidPath(given, 'one of its folders is a file')

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return false // what the system does not let us see is told by whoever goes on with the path
  }
}
