import type { Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { ChangeKind } from '../../api/hot-reload.ts'
import { unlessSystemError } from '../../shared/errors.ts'
import { isPassing } from '../../shared/passing-files.ts'
import { referencesOf } from './config-references.ts'
import type { Facts, FileFacts, FileRole } from './file-facts.ts'
import type { PlannedFile, PlannedTree, TreeForm, WatchPlan } from './watch-plan.ts'

/** Trees of skills and commands are small. What is deeper, or more in one of them, is something else that got there. */
const MAX_DEPTH = 8
const MAX_ENTRIES = 5_000

export type ScannedFile = {
  readonly kind: ChangeKind
  readonly name: string | undefined
  readonly role: FileRole
  readonly isReadOnce: boolean
  readonly fingerprint: string
  /** When it, and when its content, began to be. */
  readonly bornMs: number
  readonly changedMs: number
}

/** What opencode would read, by absolute path. */
export type Scan = {
  readonly files: ReadonlyMap<string, ScannedFile>
  /** What config files name with `{file:…}` and is not there. */
  readonly missing: readonly { readonly config: string; readonly named: string }[]
}

/** Names in a folder that matter; undefined: all. */
export type Interest = ReadonlySet<string> | undefined

export type ScanInput = {
  directory: string
  home: string
  plan: WatchPlan
  facts: FileFacts
  /**
   * Called with each folder to be watched before anything in it is looked at: who watches it from then on misses
   * nothing. May come again, with more names.
   */
  onFolder(path: string, stats: Stats, interest: Interest): void
}

/** Looks at everything that opencode would read for a directory. What cannot be read is not there, for opencode as for us. */
export async function scan(input: ScanInput): Promise<Scan> {
  const walk = new Walk(input)
  for (const file of input.plan.files) await walk.file(file)
  await walk.references()
  for (const tree of input.plan.trees) await walk.tree(tree)
  return { files: walk.found, missing: walk.missing }
}

class Walk {
  readonly found = new Map<string, ScannedFile>()
  readonly missing: { config: string; named: string }[] = []
  readonly #input: ScanInput
  /** Those there are; undefined: there is none. */
  readonly #folders = new Map<string, Stats | undefined>()
  readonly #interests = new Map<string, Set<string> | 'all'>()
  readonly #facts = new Map<string, Facts>()
  /** Folders are entered once for each kind of file, whatever links lead to them. */
  readonly #entered = new Set<string>()
  #entries = 0

  constructor(input: ScanInput) {
    this.#input = input
  }

  async file({ path, kind, isReadOnce = false }: PlannedFile): Promise<boolean> {
    if (this.found.has(path)) return true
    const folder = dirname(path)
    const inFolder = await this.#reach(folder)
    if (!inFolder) return false
    this.#visit(folder, inFolder, basename(path))
    const stats = await statOrUndefined(path)
    if (!stats?.isFile()) return false
    const role = kind === 'config' ? 'config' : kind === 'plugin' ? 'module' : 'plain'
    await this.#add(path, stats, { kind, role, isReadOnce, name: role === 'module' ? basename(path) : undefined })
    return true
  }

  /** What the config files found so far point to. */
  async references(): Promise<void> {
    const { directory, home } = this.#input
    for (const [config, { role, isReadOnce }] of [...this.found]) {
      const pointers = role === 'config' ? this.#facts.get(config)?.pointers : undefined
      if (!pointers) continue
      const { files, trees, globs } = referencesOf(pointers, { config, directory, home })
      for (const file of files) {
        const isThere = await this.file({ ...file, isReadOnce })
        if (!isThere && pointers.named.includes(file.path)) this.missing.push({ config, named: file.path })
      }
      for (const tree of trees) await this.tree(tree)
      for (const glob of globs) await this.#glob(glob)
    }
  }

  async tree({ path, kind, form }: PlannedTree): Promise<void> {
    this.#entries = 0
    await this.#reach(path)
    await this.#folder(path, { root: path, kind, form }, 0)
  }

  async #glob({ folder, pattern }: { folder: string; pattern: string }): Promise<void> {
    const stats = await this.#reach(folder)
    if (!stats) return
    this.#visit(folder, stats, undefined)
    const { default: picomatch } = await import('picomatch')
    const isMatch = picomatch(pattern)
    for (const name of (await namesIn(folder)).filter(name => isMatch(name)))
      await this.file({ path: join(folder, name), kind: 'instructions' })
  }

  async #folder(path: string, tree: Tree, depth: number): Promise<void> {
    const stats = await statOrUndefined(path)
    if (!stats?.isDirectory()) return
    // Windows has no inode for every file system.
    const identity = `${tree.form}:${tree.kind}:${stats.ino === 0 ? path : `${stats.dev}:${stats.ino}`}`
    if (this.#entered.has(identity)) return
    this.#entered.add(identity)
    this.#visit(path, stats, undefined)
    for (const name of await namesIn(path)) await this.#entry(join(path, name), tree, depth)
  }

  async #entry(path: string, tree: Tree, depth: number): Promise<void> {
    if (++this.#entries > MAX_ENTRIES) return
    const stats = await statOrUndefined(path)
    if (stats?.isDirectory()) {
      if (tree.form !== 'flat-markdown' && depth < MAX_DEPTH) await this.#folder(path, tree, depth + 1)
    } else if (stats?.isFile() && isOfForm[tree.form](basename(path)) && !this.found.has(path)) {
      const role = roleOf(tree)
      await this.#add(path, stats, { kind: tree.kind, role, isReadOnce: false, name: nameIn(tree, path) })
    }
  }

  async #add(path: string, stats: Stats, about: Pick<ScannedFile, 'kind' | 'role' | 'isReadOnce' | 'name'>) {
    const facts = await this.#input.facts.of(path, stats, about.role)
    this.#facts.set(path, facts)
    this.found.set(path, {
      ...about,
      name: facts.skillName ?? about.name,
      fingerprint: facts.fingerprint,
      bornMs: stats.birthtimeMs,
      changedMs: stats.ctimeMs,
    })
  }

  /**
   * The folder, if it is there. Either way it is watched what would tell of its coming and going: the folder above it, or
   * the nearest one that there is.
   */
  async #reach(path: string): Promise<Stats | undefined> {
    if (this.#folders.has(path)) return this.#folders.get(path)
    const above = dirname(path)
    if (above !== path) {
      const known = this.#folders.has(above)
      const stats = known ? this.#folders.get(above) : ((await folderOrUndefined(above)) ?? (await this.#reach(above)))
      if (!stats) {
        this.#folders.set(path, undefined)
        return undefined
      }
      this.#visit(above, stats, basename(path))
    }
    const found = await folderOrUndefined(path)
    this.#folders.set(path, found)
    return found
  }

  #visit(path: string, stats: Stats, name: string | undefined): void {
    const known = this.#interests.get(path)
    if (known === 'all' || (name !== undefined && known?.has(name))) return
    const names = name === undefined ? 'all' : new Set([...(known ?? []), name])
    this.#interests.set(path, names)
    this.#input.onFolder(path, stats, names === 'all' ? undefined : names)
  }
}

type Tree = { readonly root: string; readonly kind: ChangeKind; readonly form: TreeForm }

const isOfForm: Readonly<Record<TreeForm, (name: string) => boolean>> = {
  markdown: name => name.endsWith('.md'),
  'flat-markdown': name => name.endsWith('.md'),
  skills: name => name === 'SKILL.md',
  modules: name => !WRITTEN_BY_OPENCODE.has(name),
}

/** It installs the types for plugins by itself. */
const WRITTEN_BY_OPENCODE: ReadonlySet<string> = new Set([
  'package.json',
  'package-lock.json',
  'bun.lock',
  'bun.lockb',
  '.gitignore',
])

function roleOf({ kind, form }: Tree): FileRole {
  if (form === 'modules') return 'module'
  if (form === 'skills') return 'skill'
  if (form === 'flat-markdown') return 'mode'
  return kind === 'command' ? 'command' : 'agent'
}

function nameIn({ root, form }: Tree, path: string): string {
  if (form === 'skills') return basename(dirname(path))
  return relative(root, path).split(sep).join('/').replace(/\.md$/, '')
}

const statOrUndefined = (path: string): Promise<Stats | undefined> => stat(path).catch(unlessSystemError)

async function folderOrUndefined(path: string): Promise<Stats | undefined> {
  const stats = await statOrUndefined(path)
  return stats?.isDirectory() ? stats : undefined
}

/** In a stable order; none when the folder went meanwhile or may not be read. */
async function namesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(unlessSystemError)) ?? []
  return names.filter(name => !isPassing(name)).sort()
}
