import type { Dirent, Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { ChangeKind } from '../../api/hot-reload.ts'
import { unlessSystemError } from '../../shared/errors.ts'
import { isPassing } from '../../shared/passing-files.ts'
import { referencesOf } from './config-references.ts'
import type { Facts, FileFacts, FileRole } from './file-facts.ts'
import type { PlannedFile, PlannedTree, TreeForm, WatchPlan } from './watch-plan.ts'

/** Trees of skills and commands are small. What is deeper, or more, is something else that got there. */
const MAX_DEPTH = 8
const MAX_IN_TREE = 20_000
const MAX_IN_ALL = 40_000
/** Nobody names more in the config files of a directory. */
const MAX_REFERENCES = 500
/** So many names patterns are held against; a folder of thousands and hundreds of patterns would take minutes. */
const MAX_COMPARED = 200_000

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

/** What opencode would fail on, or wait for without end: something that is no plain file, or is not there. */
export type Fault = {
  readonly path: string
  /** The file that the config file at `path` names with `{file:…}`. Undefined: it is `path` itself. */
  readonly named?: string
  readonly isThere: boolean
}

/** What opencode would read, by absolute path. */
export type Scan = {
  readonly files: ReadonlyMap<string, ScannedFile>
  readonly faults: readonly Fault[]
  /** What is left out because there is too much of it, for people. */
  readonly notes: readonly string[]
}

export type ScanInput = {
  directory: string
  home: string
  plan: WatchPlan
  facts: FileFacts
  /** Called again and again; where it throws, the scan ends and rejects with that. */
  check(): void
  /**
   * Called with each folder to be watched before anything in it is looked at: who watches it from then on misses
   * nothing. `name` in it matters; undefined: all. May come again, with another name.
   */
  onFolder(path: string, stats: Stats, name: string | undefined): void
}

/** Looks at everything that opencode would read for a directory. What cannot be read is not there, for opencode as for us. */
export async function scan(input: ScanInput): Promise<Scan> {
  const walk = new Walk(input)
  for (const file of input.plan.files) await walk.file(file)
  await walk.references()
  for (const tree of input.plan.trees) await walk.tree(tree)
  return { files: walk.found, faults: walk.faults(), notes: [...walk.notes] }
}

class Walk {
  readonly found = new Map<string, ScannedFile>()
  readonly notes = new Set<string>()
  readonly #faults = new Map<string, Fault>()
  readonly #input: ScanInput
  /** Those there are; undefined: there is none. */
  readonly #folders = new Map<string, Stats | undefined>()
  readonly #interests = new Map<string, Set<string> | 'all'>()
  readonly #facts = new Map<string, Facts>()
  /** What is in folders that patterns are about. */
  readonly #names = new Map<string, readonly string[]>()
  /** Folders are entered once for each kind of file, whatever links lead to them. */
  readonly #entered = new Set<string>()
  #inTree = 0
  #inAll = 0
  #compared = 0

  constructor(input: ScanInput) {
    this.#input = input
  }

  /** Whether it is there, and a plain file. */
  async file({ path, kind, isReadOnce = false }: PlannedFile): Promise<boolean> {
    if (this.found.has(path)) return true
    this.#input.check()
    const folder = dirname(path)
    const inFolder = await this.#reach(folder)
    if (!inFolder) return false
    this.#visit(folder, inFolder, basename(path))
    const stats = await statOrUndefined(path)
    if (!stats) return false
    if (!stats.isFile()) {
      // A plugin may be a folder.
      if (kind === 'config' || (kind === 'plugin' && !stats.isDirectory())) this.#fault({ path, isThere: true })
      return false
    }
    const role = kind === 'config' ? 'config' : kind === 'plugin' ? 'module' : 'plain'
    await this.#add(path, stats, { kind, role, isReadOnce, name: role === 'module' ? basename(path) : undefined })
    return true
  }

  /** What the config files found so far point to. */
  async references(): Promise<void> {
    const { directory, home } = this.#input
    let left = MAX_REFERENCES
    const some = <Item>(items: readonly Item[]): readonly Item[] => {
      if (items.length > left)
        this.#leaveOut(`more than ${MAX_REFERENCES} files that config files of ${directory} name`)
      const taken = items.slice(0, left)
      left -= taken.length
      return taken
    }
    for (const [config, { role, isReadOnce }] of [...this.found]) {
      const pointers = role === 'config' ? this.#facts.get(config)?.pointers : undefined
      if (!pointers) continue
      const { files, trees, globs } = referencesOf(pointers, { config, directory, home })
      const named = new Set(pointers.named)
      for (const file of some(files))
        if (!(await this.file({ ...file, isReadOnce })) && named.has(file.path))
          this.#fault({ path: config, named: file.path, isThere: (await statOrUndefined(file.path)) !== undefined })
      for (const tree of some(trees)) await this.tree(tree)
      for (const glob of some(globs)) await this.#glob(glob)
    }
  }

  async tree({ path, kind, form }: PlannedTree): Promise<void> {
    this.#inTree = 0
    await this.#reach(path)
    await this.#folder(path, { root: path, kind, form }, 0)
  }

  async #glob({ folder, pattern }: { folder: string; pattern: string }): Promise<void> {
    const stats = await this.#reach(folder)
    if (!stats) return
    this.#visit(folder, stats, undefined)
    if (this.#compared > MAX_COMPARED) return
    const names = this.#names.get(folder) ?? (await entriesIn(folder)).map(({ name }) => name)
    this.#names.set(folder, names)
    this.#compared += names.length
    if (this.#compared > MAX_COMPARED) return this.#leaveOut(`what patterns name in large folders, such as ${folder}`)
    const { default: picomatch } = await import('picomatch')
    const isMatch = picomatch(pattern)
    this.#inTree = 0
    for (const name of names.filter(name => isMatch(name)))
      if (!this.#isFull(folder)) await this.file({ path: join(folder, name), kind: 'instructions' })
  }

  async #folder(path: string, tree: Tree, depth: number): Promise<void> {
    const stats = await statOrUndefined(path)
    if (!stats?.isDirectory()) return
    // Windows has no inode for every file system.
    const identity = `${tree.form}:${tree.kind}:${stats.ino === 0 ? path : `${stats.dev}:${stats.ino}`}`
    if (this.#entered.has(identity)) return
    this.#entered.add(identity)
    this.#visit(path, stats, undefined)
    for (const entry of await entriesIn(path)) await this.#entry(entry, path, tree, depth)
  }

  async #entry(entry: Dirent, folder: string, tree: Tree, depth: number): Promise<void> {
    const isOfForm = IS_OF_FORM[tree.form](entry.name)
    // Of what is something else there may be any number, and it costs nothing.
    if ((!isOfForm && entry.isFile()) || this.#isFull(tree.root)) return
    const path = join(folder, entry.name)
    const stats = await statOrUndefined(path)
    if (stats?.isDirectory()) {
      if (tree.form !== 'flat-markdown' && depth < MAX_DEPTH) await this.#folder(path, tree, depth + 1)
    } else if (stats && isOfForm && !this.found.has(path)) {
      if (!stats.isFile()) return tree.form === 'modules' ? undefined : this.#fault({ path, isThere: true })
      const role = roleOf(tree)
      await this.#add(path, stats, { kind: tree.kind, role, isReadOnce: false, name: nameIn(tree, path) })
    }
  }

  faults(): Fault[] {
    return [...this.#faults.values()]
  }

  #fault(fault: Fault): void {
    this.#faults.set(`${fault.path}:${fault.named ?? ''}`, fault)
  }

  #leaveOut(what: string): void {
    this.notes.add(`not watched: ${what}`)
  }

  /** Whether one more is too much. */
  #isFull(root: string): boolean {
    this.#input.check()
    this.#inTree += 1
    if (this.#inTree > MAX_IN_TREE) {
      this.#leaveOut(`files in ${root}, where there are more than ${MAX_IN_TREE}`)
      return true
    }
    this.#inAll += 1
    if (this.#inAll === MAX_IN_ALL + 1) this.#leaveOut(`files in ${root} and elsewhere, more than ${MAX_IN_ALL} in all`)
    return this.#inAll > MAX_IN_ALL
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
    if (name === undefined) this.#interests.set(path, 'all')
    else if (known) known.add(name)
    else this.#interests.set(path, new Set([name]))
    this.#input.onFolder(path, stats, name)
  }
}

type Tree = { readonly root: string; readonly kind: ChangeKind; readonly form: TreeForm }

const IS_OF_FORM: Readonly<Record<TreeForm, (name: string) => boolean>> = {
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
async function entriesIn(folder: string): Promise<Dirent[]> {
  const entries = (await readdir(folder, { withFileTypes: true }).catch(unlessSystemError)) ?? []
  return entries.filter(({ name }) => !isPassing(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
}
