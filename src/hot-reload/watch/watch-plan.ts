import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import type { ChangeKind } from '../../api/hot-reload.ts'

/** A file that opencode reads where it is there. */
export type PlannedFile = {
  readonly path: string
  readonly kind: ChangeKind
  /** opencode reads it once in its life: after a change it has to be started anew. */
  readonly isReadOnce?: boolean
}

/**
 * Which files of a folder opencode reads. `markdown`: every `.md`, at any depth; `flat-markdown`: those directly in it;
 * `skills`: every `SKILL.md`; `modules`: code, with what it imports.
 */
export type TreeForm = 'markdown' | 'flat-markdown' | 'skills' | 'modules'

export type PlannedTree = { readonly path: string; readonly kind: ChangeKind; readonly form: TreeForm }

/** No path twice. */
export type WatchPlan = { readonly files: readonly PlannedFile[]; readonly trees: readonly PlannedTree[] }

export type PlanInput = {
  /** The root of the repository that the directory is in; the root of the file system where it is in none. */
  worktree: string
  /** Of opencode. */
  env: Readonly<Record<string, string | undefined>>
  /** Of the user that opencode runs as. */
  home: string
  /** Where an administrator puts settings for all users of the machine. */
  managed: string
}

const CONFIG_FILES = ['opencode.json', 'opencode.jsonc']
const INSTRUCTIONS = ['AGENTS.md', 'CLAUDE.md', 'CONTEXT.md']
const CONFIG_FOLDER = '.opencode'
const SKILL_FOLDERS = { '.claude': 'OPENCODE_DISABLE_CLAUDE_CODE', '.agents': undefined } as const

const TREES: readonly (readonly [name: string, kind: ChangeKind, form: TreeForm])[] = [
  ['command', 'command', 'markdown'],
  ['commands', 'command', 'markdown'],
  ['agent', 'agent', 'markdown'],
  ['agents', 'agent', 'markdown'],
  ['mode', 'agent', 'flat-markdown'],
  ['modes', 'agent', 'flat-markdown'],
  ['skill', 'skill', 'skills'],
  ['skills', 'skill', 'skills'],
  ['plugin', 'plugin', 'modules'],
  ['plugins', 'plugin', 'modules'],
  ['tool', 'tool', 'modules'],
  ['tools', 'tool', 'modules'],
]

/**
 * What opencode 1.18.33 reads for a directory, as seen with strace: in the directory and each folder above it up to the
 * root of the repository, in the user's folders, and where its environment says. What its config files point to is found
 * when they are read.
 */
export function planWatches(directory: string, input: PlanInput): WatchPlan {
  const { env, home, managed } = input
  const plan = new Plan()
  const isOn = (name: string): boolean => /^(?:1|true)$/i.test(env[name] ?? '')
  const folders = foldersUpTo(directory, input.worktree)
  const global = join(env.XDG_CONFIG_HOME || join(home, '.config'), 'opencode')

  plan.files(global, ['config.json', ...CONFIG_FILES], 'config', { isReadOnce: true })
  plan.trees(global)
  plan.files(global, INSTRUCTIONS.slice(0, 1), 'instructions')
  if (env.OPENCODE_CONFIG)
    plan.files(dirname(resolve(directory, env.OPENCODE_CONFIG)), [basename(env.OPENCODE_CONFIG)], 'config')
  if (!isOn('OPENCODE_DISABLE_PROJECT_CONFIG')) {
    for (const folder of folders) {
      plan.files(folder, CONFIG_FILES, 'config')
      plan.files(folder, INSTRUCTIONS, 'instructions')
      plan.configFolder(join(folder, CONFIG_FOLDER))
    }
  }
  plan.configFolder(join(home, CONFIG_FOLDER))
  if (env.OPENCODE_CONFIG_DIR && isAbsolute(env.OPENCODE_CONFIG_DIR)) {
    plan.configFolder(env.OPENCODE_CONFIG_DIR)
    plan.files(env.OPENCODE_CONFIG_DIR, INSTRUCTIONS.slice(0, 1), 'instructions')
  }
  plan.files(managed, CONFIG_FILES, 'config')
  if (!isOn('OPENCODE_DISABLE_CLAUDE_CODE')) plan.files(join(home, '.claude'), ['CLAUDE.md'], 'instructions')
  if (!isOn('OPENCODE_DISABLE_EXTERNAL_SKILLS'))
    for (const [name, switchedOffBy] of Object.entries(SKILL_FOLDERS))
      if (!switchedOffBy || !isOn(switchedOffBy))
        for (const folder of [...folders, home]) plan.tree(join(folder, name, 'skills'), 'skill', 'skills')
  return plan.done()
}

/** The directory first. */
function foldersUpTo(directory: string, top: string): string[] {
  const above = dirname(directory)
  return directory === top || above === directory ? [directory] : [directory, ...foldersUpTo(above, top)]
}

class Plan {
  readonly #files = new Map<string, PlannedFile>()
  readonly #trees = new Map<string, PlannedTree>()

  files(folder: string, names: readonly string[], kind: ChangeKind, more: Pick<PlannedFile, 'isReadOnce'> = {}): void {
    for (const name of names) {
      const path = join(folder, name)
      if (!this.#files.has(path)) this.#files.set(path, { path, kind, ...more })
    }
  }

  tree(path: string, kind: ChangeKind, form: TreeForm): void {
    if (!this.#trees.has(path)) this.#trees.set(path, { path, kind, form })
  }

  trees(folder: string): void {
    for (const [name, kind, form] of TREES) this.tree(join(folder, name), kind, form)
  }

  configFolder(folder: string): void {
    this.files(folder, CONFIG_FILES, 'config')
    this.trees(folder)
  }

  done(): WatchPlan {
    return { files: [...this.#files.values()], trees: [...this.#trees.values()] }
  }
}
