import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { decodePath } from '../http/exchange.ts'
import { OpenworkError } from '../shared/errors.ts'
import { decoded, folderOf, paramOf } from './opencode-target.ts'
import { isWithin } from './real-path.ts'
import type { Roots } from './roots.ts'

/** Where opencode takes the folder to work in from, beside its header (1.18.33). */
const DIRECTORY_PARAMS = ['directory', 'location[directory]']

/** opencode's routes that show files by their path in the folder. It compares paths as text and follows links. */
const FILE_ROUTE = /\/(?:file|fs|find)(?:\/|$)/
const PATH_IN_ROUTE = /\/fs\/[^/]+\/(.+)$/

/** Whether a path can be reached by callers below owner. */
export type Bounds = {
  /** The folder of the workspace; always theirs. */
  own: string | undefined
  roots: Roots
}

/**
 * Keeps a request of a caller below owner in the published folders, by their real paths: a link in a workspace, which
 * may come with a cloned repository, leads nowhere else. The folders asked for are rewritten to what they really are,
 * so that a link that changes a moment later changes nothing. Returns the value for the directory header, if any.
 * Throws `workspace_unauthorized`.
 */
export async function confine(url: URL, wished: string | null, bounds: Bounds): Promise<string | undefined> {
  const inQuery = DIRECTORY_PARAMS.filter(name => url.search !== '' && url.searchParams.has(name))
  const working: string[] = []
  for (const name of inQuery) {
    const asked = url.searchParams.getAll(name).map(value => folderOf(name, value))
    const folders = await Promise.all(asked.map(folder => requireFolder(folder, bounds)))
    url.searchParams.delete(name)
    for (const folder of folders) url.searchParams.append(name, paramOf(name, folder))
    working.push(...folders)
  }
  const folder = wished === null ? bounds.own : await requireFolder(decoded(wished), bounds)
  for (const path of pathsOf(url))
    for (const directory of working.length > 0 ? working : folder === undefined ? [] : [folder])
      await requirePath(resolve(directory, path), path, bounds)
  return folder
}

async function requireFolder(folder: string, { own, roots }: Bounds): Promise<string> {
  if (folder === own) return folder
  const real = await findRealPath(folder)
  if (real !== undefined && roots.hold(real)) return real
  throw outside(folder)
}

async function requirePath(path: string, given: string, { own, roots }: Bounds): Promise<void> {
  const real = await findRealPath(path)
  // One that does not exist leads nowhere yet; its text still must not lead out.
  const realOwn = own === undefined || real === undefined ? own : ((await findRealPath(own)) ?? own)
  const place = real ?? path
  if (!(realOwn !== undefined && isWithin(realOwn, place)) && !roots.hold(place)) throw outside(given)
}

/** Undefined when there is no such file or folder, or it cannot be looked at. */
const findRealPath = (path: string): Promise<string | undefined> => realpath(path).catch(() => undefined)

/** The files a request asks for, relative to the folder it works in. */
function pathsOf(url: URL): string[] {
  const route = decodePath(url.pathname)
  if (!FILE_ROUTE.test(route.toLowerCase())) return []
  const inRoute = PATH_IN_ROUTE.exec(route)?.[1]
  return [...url.searchParams.getAll('path'), ...(inRoute === undefined ? [] : [inRoute])]
}

const outside = (path: string): OpenworkError =>
  new OpenworkError('workspace_unauthorized', `"${path}" is outside the authorized roots`)
