import { directoryParam } from '../api/opencode-directory.ts'
import type { Workspace } from '../api/workspaces.ts'
import { decodePath } from '../http/exchange.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'

/** Where opencode takes the folder to work in from, beside its header (1.18.33). */
const DIRECTORY_PARAMS = ['directory', 'location[directory]']
/** These choose one of opencode's own workspaces, which lies in another folder. */
const OTHER_WORKSPACE_PARAMS = ['workspace', 'location[workspace]']

/** How to reach the opencode of a workspace. */
export type Engine = {
  baseUrl: string
  /** Any answer here, of any status, shows that it is up. */
  probeUrl: URL
  credentials: Readonly<Record<string, string>>
  /** The folder it is to work in. */
  directory: string | undefined
}

/** The opencode of a workspace. Throws `opencode_unconfigured` when nothing is known of one. */
export function requireEngine({ id, opencode }: Workspace): Engine {
  if (!opencode?.baseUrl) throw new OpenworkError('opencode_unconfigured', `Workspace "${id}" has no opencode base URL`)
  const { baseUrl, directory, username, password } = opencode
  const basic = username && password && Buffer.from(`${username}:${password}`).toString('base64')
  return {
    baseUrl,
    probeUrl: opencodeUrl(baseUrl, '/global/health', ''),
    credentials: basic ? { authorization: `Basic ${basic}` } : {},
    directory: directory || undefined,
  }
}

/**
 * The URL behind a proxied path: the base URL, its own path kept, then `rest` as received. Throws `invalid_path` when
 * the path would leave the base URL's.
 */
export function opencodeUrl(baseUrl: string, rest: string, search: string): URL {
  // opencode's router cuts a path there, what is behind it does not count: a check of the whole path would be deceived.
  if (rest.includes(';')) throw new OpenworkError('invalid_path', 'A path holds no ";": write %3B')
  const base = new URL(baseUrl)
  const basePath = base.pathname.replace(/\/+$/, '')
  // As text, not as a relative URL: `//host/` would name another host.
  const url = new URL(`${base.origin}${basePath}${rest || '/'}${search}`)
  if (!url.pathname.startsWith(`${basePath}/`))
    throw new OpenworkError('invalid_path', 'The path leads out of the opencode base URL')
  return url
}

/** For whoever asked while nobody answers there. */
export const unreachable = ({ baseUrl: target }: Engine, cause?: unknown): OpenworkError =>
  new OpenworkError('opencode_unreachable', 'opencode does not answer: it is starting, restarting or gone', {
    cause,
    details: { target, reason: systemCode(cause) ?? 'no_answer', retryAfterMs: 1000 },
  })

/** Makes a URL mean this folder whatever the caller asked for. */
export function pinDirectory(url: URL, directory: string | undefined): void {
  dropOtherWorkspace(url)
  for (const name of DIRECTORY_PARAMS) {
    if (url.search === '' || !url.searchParams.has(name)) continue
    if (directory === undefined) url.searchParams.delete(name)
    else url.searchParams.set(name, paramOf(name, directory))
  }
}

/** The value that makes one of the two parameters mean this folder. */
export const paramOf = (name: string, directory: string): string =>
  name === 'directory' ? directoryParam(directory) : directory

/** The folder that opencode takes the value of one of the two parameters for. */
export const folderOf = (name: string, value: string): string => (name === 'directory' ? decoded(value) : value)

/** What opencode makes of percent escapes, in a directory header too. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // opencode takes it as it is then, too
  }
}

/** The folder that a URL asks for, if any. */
export function directoryOf(url: URL): string | undefined {
  if (url.search === '') return undefined
  const name = DIRECTORY_PARAMS.find(name => url.searchParams.has(name))
  const value = name && url.searchParams.get(name)
  return name && value ? folderOf(name, value) : undefined
}

/** Leaves the choice of one of opencode's own workspaces out. */
export function dropOtherWorkspace(url: URL): void {
  if (url.search === '') return
  for (const name of OTHER_WORKSPACE_PARAMS) if (url.searchParams.has(name)) url.searchParams.delete(name)
}

/** A header holds ASCII only; opencode decodes percent escapes, so a `%` of the path's own is one too. */
export const directoryHeader = (directory: string): string =>
  /[^\x20-\x7e]|%/.test(directory) ? encodeURIComponent(directory) : directory

/** The path as opencode will route it, and more tolerant: a check must not be passed by spelling it otherwise. */
const routedPath = (url: URL): string =>
  decodePath(url.pathname)
    .replaceAll(/\/{2,}/g, '/')
    .replace(/\/+$/, '')
    .toLowerCase()

/**
 * Whether a path answers one of opencode's questions to the user (a permission prompt, in its present and its older
 * session-bound form, a question or a form of the agent), or changes the answers it has saved.
 */
export function isPromptReply(url: URL): boolean {
  const path = routedPath(url)
  return (
    /\/(?:permission|question|form)s?\/[^/]+\/(?:reply|reject|cancel)$/.test(path) ||
    /\/session\/[^/]+\/permissions?\/[^/]+$/.test(path) ||
    /\/permission\/saved(?:\/|$)/.test(path)
  )
}

/** Whether opencode's answer holds the API keys of its providers and the headers of its MCP servers (1.18.33 does). */
export const showsCredentials = (url: URL): boolean =>
  /\/(?:config|providers?|models?|credentials?|integrations?|auth)(?:\/|$)/.test(routedPath(url))

/** Whether opencode (1.18.33) answers such a request before the work that it begins shows. */
export const beginsWork = (url: URL): boolean =>
  /\/session\/[^/]+\/(?:prompt|prompt_async|compact)$/.test(routedPath(url))
