import { compareBytes, placeOf } from './byte-order.ts'
import type { EntryStat } from './entry-stat.ts'

export type FileNode = { readonly name: string; stat: EntryStat }

export type CatalogItem = {
  path: string
  kind: 'file' | 'dir'
  size: number
  mtimeMs: number
  revision: string
}

const nameOf = ({ name }: { readonly name: string }): string => name
const keyOf = ({ key }: { readonly key: string }): string => key

/**
 * A folder of a catalog: its files and folders, and how many lie below it at any depth.
 *
 * A catalog is ordered by the bytes of whole paths, in which `a`, `a-b` and `a/c` follow each other in this order: a
 * folder stands before `a-b`, what it holds behind it. Hence a folder has two places among its siblings, one by its
 * name and one by its name with a slash, and a walk over files, folders and contents in the order of these three lists
 * gives whole paths in order, without any path being stored or compared.
 */
export class Folder {
  stat: EntryStat
  /** Raised by every change that the server made itself, so that an older look at the disk can be told. */
  notedAt = 0
  #name: string
  #key: string
  #parent: Folder | undefined
  readonly #files: FileNode[] = []
  readonly #folders: Folder[] = []
  /** The same folders, ordered by `key`. */
  readonly #contents: Folder[] = []
  #filesBelow = 0
  #foldersBelow = 0

  constructor(name: string, stat: EntryStat) {
    this.#name = name
    this.#key = `${name}/`
    this.stat = stat
  }

  get name(): string {
    return this.#name
  }

  /** The name with a slash: what the paths of everything in it begin with. */
  get key(): string {
    return this.#key
  }

  /** Undefined for the root, and for a folder that was taken out. */
  get parent(): Folder | undefined {
    return this.#parent
  }

  get files(): readonly FileNode[] {
    return this.#files
  }

  get folders(): readonly Folder[] {
    return this.#folders
  }

  /** Below the root, segments joined by `/`; empty for the root itself. */
  get path(): string {
    const above = this.#parent?.path
    if (above === undefined) return ''
    return above === '' ? this.#name : `${above}/${this.#name}`
  }

  /** The path of something in it. */
  pathOf(name: string): string {
    const own = this.path
    return own === '' ? name : `${own}/${name}`
  }

  /** Whether this is `other` or lies below it. */
  isWithin(other: Folder): boolean {
    for (let at: Folder | undefined = this; at; at = at.#parent) if (at === other) return true
    return false
  }

  file(name: string): FileNode | undefined {
    const found = this.#files[placeOf(this.#files, name, nameOf)]
    return found?.name === name ? found : undefined
  }

  folder(name: string): Folder | undefined {
    const found = this.#folders[placeOf(this.#folders, name, nameOf)]
    return found?.name === name ? found : undefined
  }

  /** Adds the file, or gives the one that is there its new stat. */
  putFile(name: string, stat: EntryStat): void {
    const place = placeOf(this.#files, name, nameOf)
    const found = this.#files[place]
    if (found?.name === name) {
      found.stat = stat
      return
    }
    this.#files.splice(place, 0, { name, stat })
    this.#count(1, 0)
  }

  /** Takes a folder in, with all it holds, under a name that is free here. */
  attach(folder: Folder, name: string): void {
    folder.#name = name
    folder.#key = `${name}/`
    folder.#parent = this
    this.#folders.splice(placeOf(this.#folders, name, nameOf), 0, folder)
    this.#contents.splice(placeOf(this.#contents, folder.#key, keyOf), 0, folder)
    this.#count(folder.#filesBelow, folder.#foldersBelow + 1)
  }

  /** Takes a file or folder out. */
  remove(name: string): void {
    const place = placeOf(this.#files, name, nameOf)
    if (this.#files[place]?.name === name) {
      this.#files.splice(place, 1)
      this.#count(-1, 0)
    }
    const folder = this.folder(name)
    if (!folder) return
    this.#folders.splice(placeOf(this.#folders, name, nameOf), 1)
    this.#contents.splice(placeOf(this.#contents, folder.#key, keyOf), 1)
    folder.#parent = undefined
    this.#count(-folder.#filesBelow, -folder.#foldersBelow - 1)
  }

  /** This folder and all below it. */
  *all(): Generator<Folder> {
    yield this
    for (const folder of this.#folders) yield* folder.all()
  }

  count(includeDirs: boolean): number {
    return includeDirs ? this.#filesBelow + this.#foldersBelow : this.#filesBelow
  }

  /**
   * How many paths below this folder come after `rest`, a path as seen from here. Costs the depth of `rest` times the
   * folders beside its segments, not the size of the tree.
   */
  countAfter(rest: string, includeDirs: boolean): number {
    const from = this.#seek(rest)
    let count = this.#files.length - from.file + (includeDirs ? this.#folders.length - from.folder : 0)
    let next = from.content
    if (from.inner !== undefined) {
      count += this.#contents[next]?.countAfter(from.inner, includeDirs) ?? 0
      next += 1
    }
    for (; next < this.#contents.length; next += 1) count += this.#contents[next]?.count(includeDirs) ?? 0
    return count
  }

  /** Adds what lies below this folder to a page, in order, from behind `rest` (all when undefined), until it is full. */
  fill(page: PageItems, base: string, rest: string | undefined): void {
    let { file, folder, content, inner } = this.#seek(rest)
    if (inner !== undefined) {
      const begun = this.#contents[content]
      begun?.fill(page, base + begun.#key, inner)
      content += 1
    }
    if (!page.includeDirs) folder = this.#folders.length
    while (!page.isFull) {
      const nextFile = this.#files[file]
      const nextFolder = this.#folders[folder]
      const nextContent = this.#contents[content]
      const first = least(least(nextFile?.name, nextFolder?.name), nextContent?.key)
      if (first === undefined) return
      if (nextFile && first === nextFile.name) {
        page.add(base + first, nextFile.stat)
        file += 1
      } else if (nextFolder && first === nextFolder.name) {
        page.add(base + first, nextFolder.stat)
        folder += 1
      } else if (nextContent) {
        if (nextContent.count(page.includeDirs) > 0) nextContent.fill(page, base + first, undefined)
        content += 1
      }
    }
  }

  /** Where what comes after `rest` begins in each list; `inner`: what is left of `rest` inside the content found. */
  #seek(rest: string | undefined): { file: number; folder: number; content: number; inner: string | undefined } {
    if (rest === undefined) return { file: 0, folder: 0, content: 0, inner: undefined }
    const file = behind(this.#files, rest)
    const folder = behind(this.#folders, rest)
    const slash = rest.indexOf('/')
    const key = slash === -1 ? rest : rest.slice(0, slash + 1)
    const content = placeOf(this.#contents, key, keyOf)
    const isInside = slash !== -1 && this.#contents[content]?.key === key
    return { file, folder, content, inner: isInside ? rest.slice(slash + 1) : undefined }
  }

  #count(files: number, folders: number): void {
    for (let at: Folder | undefined = this; at; at = at.#parent) {
      at.#filesBelow += files
      at.#foldersBelow += folders
    }
  }
}

/** The items of one page while it is put together. */
export class PageItems {
  readonly items: CatalogItem[] = []
  readonly includeDirs: boolean
  readonly #limit: number

  constructor(limit: number, includeDirs: boolean) {
    this.#limit = limit
    this.includeDirs = includeDirs
  }

  get isFull(): boolean {
    return this.items.length >= this.#limit
  }

  add(path: string, { kind, size, mtimeMs, revision }: EntryStat): void {
    this.items.push({ path, kind, size, mtimeMs, revision })
  }
}

function behind(sorted: readonly { readonly name: string }[], name: string): number {
  const place = placeOf(sorted, name, nameOf)
  return sorted[place]?.name === name ? place + 1 : place
}

function least(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return compareBytes(a, b) < 0 ? a : b
}
