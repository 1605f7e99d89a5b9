import type { ReloadReason, ReloadTrigger } from '../../api/reload.ts'

export { isPassing as isIgnored } from '../../shared/passing-files.ts'

/** Reasons that files on the disk give; `mcp` is part of the config file, and only our own routes can tell. */
export type FileReason = Exclude<ReloadReason, 'mcp'>

/** What opencode reads directly in a project's folder. */
export const ROOT_FILES: ReadonlyMap<string, FileReason> = new Map([
  ['opencode.json', 'config'],
  ['opencode.jsonc', 'config'],
  ['AGENTS.md', 'agents'],
])

export const DOT_FOLDER = '.opencode'

/** What it reads directly in `.opencode`. */
export const DOT_FILES: ReadonlyMap<string, FileReason> = new Map([
  ['opencode.json', 'config'],
  ['opencode.jsonc', 'config'],
])

/** What it reads in `.opencode` as trees, under either name. */
export const DOT_TREES: ReadonlyMap<string, FileReason> = new Map([
  ['skills', 'skills'],
  ['skill', 'skills'],
  ['commands', 'commands'],
  ['command', 'commands'],
  ['plugins', 'plugins'],
  ['plugin', 'plugins'],
  ['agents', 'agents'],
  ['agent', 'agents'],
])

const TYPES: Readonly<Record<FileReason, ReloadTrigger['type']>> = {
  plugins: 'plugin',
  skills: 'skill',
  config: 'config',
  agents: 'agent',
  commands: 'command',
}

/** A thing that can be added, changed or removed as one: a skill's folder, a command's file, a config file. */
export type Item = {
  reason: FileReason
  /** Of several files of an item, they all have the same. */
  key: string
  name: string | undefined
}

/** The item of a file directly in the root or in `.opencode`. */
export const rootItem = (reason: FileReason, path: string): Item => ({ reason, key: path, name: undefined })

/** The item of something directly in a tree; what lies below it belongs to the same item. */
export function treeItem(reason: FileReason, path: string, entry: string): Item {
  const name = reason === 'commands' ? entry.replace(/\.md$/i, '') : entry
  return { reason, key: path, name: reason === 'plugins' ? undefined : name }
}

/** How a change of an item is told. `path` is one of its files. */
export const triggerOf = (
  { reason, name }: Item,
  action: NonNullable<ReloadTrigger['action']>,
  path: string,
): ReloadTrigger => ({ type: TYPES[reason], ...(name !== undefined && { name }), action, path })
