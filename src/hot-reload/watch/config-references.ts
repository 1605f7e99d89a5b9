import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JsoncObject } from '../../shared/jsonc.ts'
import { pathNamed } from './config-text.ts'
import type { PlannedFile, PlannedTree } from './watch-plan.ts'

/** Local files that a config file points to. */
export type References = {
  readonly files: readonly PlannedFile[]
  readonly trees: readonly PlannedTree[]
  readonly globs: readonly { readonly folder: string; readonly pattern: string }[]
}

/** What a config file says that leads to other files; the same for every directory that reads it. */
export type Pointers = {
  /** By `{file:…}`, absolute. Where one is missing, opencode refuses the directory. */
  readonly named: readonly string[]
  readonly settings: Pick<JsoncObject, 'instructions' | 'plugin' | 'skills'>
}

type Place = { config: string; directory: string; home: string }

const GLOB = /[*?[{]/
/** A pattern is no longer than a path. */
const MAX_PATTERN_LENGTH = 4_096

/**
 * What the settings of a config file name: `{file:…}`, instructions, plugins that are files, folders of skills. Of
 * instructions only single files, and patterns in the last part of a path: what is deeper would have a whole project
 * watched, and opencode reads instructions anew for each prompt anyway.
 */
export function referencesOf({ named, settings }: Pointers, place: Place): References {
  const { config, directory, home } = place
  const inFolder = dirname(config)
  const files: PlannedFile[] = named.map(path => ({ path, kind: 'other' }))
  const globs: References['globs'][number][] = []
  for (const name of texts(settings.instructions)) {
    if (/^https?:/.test(name)) continue
    const path = pathNamed(name, directory, home)
    if (!GLOB.test(path)) files.push({ path, kind: 'instructions' })
    else if (!GLOB.test(dirname(path)) && path.length <= MAX_PATTERN_LENGTH)
      globs.push({ folder: dirname(path), pattern: basename(path) })
  }
  for (const plugin of pluginsOf(settings.plugin)) {
    const path = plugin.startsWith('file:') ? pathOfUrl(plugin) : pathNamed(plugin, inFolder, home)
    if (path !== undefined) files.push({ path, kind: 'plugin' })
  }
  const { paths } = typeof settings.skills === 'object' && settings.skills ? (settings.skills as JsoncObject) : {}
  const trees = texts(paths).map(name => ({
    path: pathNamed(name, directory, home),
    kind: 'skill' as const,
    form: 'skills' as const,
  }))
  return { files, trees, globs }
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []

/** Those that are files; the rest are names of packages. */
const pluginsOf = (value: unknown): string[] =>
  Array.isArray(value)
    ? texts(value.map(item => (Array.isArray(item) ? item[0] : item))).filter(name =>
        /^(?:\.{0,2}\/|file:|~\/)/.test(name),
      )
    : []

function pathOfUrl(url: string): string | undefined {
  try {
    return fileURLToPath(url)
  } catch (error) {
    if (error instanceof TypeError) return undefined // no URL of a file here
    throw error
  }
}
