import { describe, expect, test } from 'bun:test'
import { lstatSync } from 'node:fs'
import { compareBytes } from '../../../src/server/file-index/byte-order.ts'
import { EntryStat } from '../../../src/server/file-index/entry-stat.ts'
import { Folder } from '../../../src/server/file-index/folder.ts'
import { type PageQuery, pageOf } from '../../../src/server/file-index/page.ts'
import { seededRandom } from '../../fixtures/random.ts'

const FOLDER = EntryStat.unknownFolder
const FILE = fileStat()

/** Names whose order is easily got wrong: around the slash, by case, and by UTF-16 instead of UTF-8. */
const NAMES = ['a', 'a-b', 'a.b', 'a0', 'A', 'b', 'ab', 'é', '～', '😀', ' ', '~', 'a b', '一']

describe('the byte order', () => {
  test('is that of the UTF-8 bytes, not of UTF-16', () => {
    const texts = ['a', '', 'ab', 'Z', 'é', '\ue000', '～', '😀', '😁', '\u{10ffff}', 'a/b', 'a-b', '\ud7ff', '一']
    const byBytes = texts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(texts.toSorted(compareBytes)).toEqual(byBytes)
    expect(texts.toSorted()).not.toEqual(byBytes)
  })
})

describe('pages', () => {
  test('show what a sorted list of all paths would, for random trees and queries', () => {
    const random = seededRandom(7)
    for (let round = 0; round < 60; round += 1) {
      const tree = new NaiveTree()
      for (let step = 0; step < 40; step += 1) tree.changeAt(random)
      for (let asked = 0; asked < 40; asked += 1) {
        const query = randomQuery(random, tree)
        const { items, total } = pageOf(tree.root, query)
        const expected = tree.matching(query)
        expect({ query, paths: items.map(({ path }) => path), total }).toEqual({
          query,
          paths: expected.slice(0, query.limit),
          total: expected.length,
        })
      }
    }
  })

  test('followed to the end while things come and go, give everything that stays once and nothing twice', () => {
    const random = seededRandom(11)
    for (let round = 0; round < 60; round += 1) {
      const tree = new NaiveTree()
      for (let step = 0; step < 60; step += 1) tree.changeAt(random)
      const atStart = tree.matching({ includeDirs: true, limit: 1 })
      const stayed = new Set(atStart)
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const { items, total } = pageOf(tree.root, { after, limit: 5, includeDirs: true })
        seen.push(...items.map(({ path }) => path))
        if (total <= items.length) break
        after = items.at(-1)?.path
        for (let step = 0; step < 6; step += 1) tree.changeAt(random)
        const now = new Set(tree.matching({ includeDirs: true, limit: 1 }))
        for (const path of stayed) if (!now.has(path)) stayed.delete(path)
      }
      expect(seen).toEqual([...new Set(seen)].sort(compareBytes))
      expect([...stayed].filter(path => !seen.includes(path))).toEqual([])
    }
  })

  test('of a folder stand apart from siblings that share its name', () => {
    const tree = new NaiveTree()
    for (const path of ['a/c', 'a-b', 'a0', 'a.txt']) tree.put(path)
    const paths = (query: Partial<PageQuery>): string[] =>
      pageOf(tree.root, { limit: 10, includeDirs: true, ...query }).items.map(({ path }) => path)
    expect(paths({})).toEqual(['a', 'a-b', 'a.txt', 'a/c', 'a0'])
    expect(paths({ prefix: 'a' })).toEqual(['a', 'a/c'])
    expect(paths({ after: 'a/' })).toEqual(['a/c', 'a0'])
    expect(paths({ prefix: 'a', after: 'a-b' })).toEqual(['a/c'])
    expect(paths({ prefix: 'a', after: 'b' })).toEqual([])
    expect(paths({ prefix: 'a0' })).toEqual(['a0'])
    expect(paths({ prefix: 'nothing/here' })).toEqual([])
  })

  test('keep their counts when folders move with what they hold', () => {
    const tree = new NaiveTree()
    for (const path of ['a/b/1', 'a/b/2', 'a/3', 'c/4']) tree.put(path)
    const [a, c] = [tree.root.folder('a'), tree.root.folder('c')]
    const b = a?.folder('b')
    if (!a || !b || !c) throw new Error('folders are missing')
    a.remove('b')
    expect([tree.root.count(true), tree.root.count(false), a.count(true)]).toEqual([4, 2, 1])
    c.attach(b, 'z')
    expect([tree.root.count(true), tree.root.count(false), b.path]).toEqual([7, 4, 'c/z'])
    expect(pageOf(tree.root, { prefix: 'c', limit: 9, includeDirs: false }).items.map(({ path }) => path)).toEqual([
      'c/4',
      'c/z/1',
      'c/z/2',
    ])
  })
})

/** The tree under test, beside a set of paths that is sorted and filtered for every question. */
class NaiveTree {
  readonly root = new Folder('', FOLDER)
  readonly #kinds = new Map<string, 'file' | 'dir'>()

  put(path: string): void {
    const segments = path.split('/')
    const name = segments.pop() ?? ''
    let folder = this.root
    for (const segment of segments) {
      const known = folder.folder(segment)
      if (!known) {
        folder.remove(segment)
        folder.attach(new Folder(segment, FOLDER), segment)
        this.#kinds.set(folder.pathOf(segment), 'dir')
      }
      folder = folder.folder(segment) ?? folder
    }
    if (folder.folder(name)) return
    folder.putFile(name, FILE)
    this.#kinds.set(path, 'file')
  }

  remove(path: string): void {
    const segments = path.split('/')
    const name = segments.pop() ?? ''
    const folder = segments.reduce<Folder | undefined>((at, segment) => at?.folder(segment), this.root)
    folder?.remove(name)
    for (const known of [...this.#kinds.keys()])
      if (known === path || known.startsWith(`${path}/`)) this.#kinds.delete(known)
  }

  /** Puts a file somewhere, or takes something away. */
  changeAt(random: () => number): void {
    const paths = [...this.#kinds.keys()]
    if (random() < 0.3 && paths.length > 0) this.remove(pick(random, paths))
    else this.put(Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(random, NAMES)).join('/'))
  }

  get paths(): string[] {
    return [...this.#kinds.keys()]
  }

  matching({ prefix, after, includeDirs }: PageQuery): string[] {
    return [...this.#kinds]
      .filter(([, kind]) => includeDirs || kind === 'file')
      .map(([path]) => path)
      .filter(path => prefix === undefined || path === prefix || path.startsWith(`${prefix}/`))
      .filter(path => after === undefined || Buffer.compare(Buffer.from(path), Buffer.from(after)) > 0)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }
}

function randomQuery(random: () => number, tree: NaiveTree): PageQuery {
  const path = (): string => pick(random, [...tree.paths, 'a', 'a/', 'a/b/zz', '', 'nothing', '😀/'])
  return {
    prefix: random() < 0.4 ? path().replace(/\/$/, '') || undefined : undefined,
    after: random() < 0.7 ? path() : undefined,
    limit: 1 + Math.floor(random() * 12),
    includeDirs: random() < 0.6,
  }
}

const pick = <Item>(random: () => number, items: readonly Item[]): Item =>
  items[Math.floor(random() * items.length)] as Item

function fileStat(): EntryStat {
  const stat = EntryStat.of(lstatSync(import.meta.path, { bigint: true }))
  if (!stat) throw new Error('this test is no file')
  return stat
}
