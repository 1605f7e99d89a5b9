import { describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, rename, rm, symlink, utimes } from 'node:fs/promises'
import type { FileEvent } from '../../../src/api/catalog.ts'
import type { FileIndex } from '../../../src/server/file-index/file-index.ts'
import { seededRandom } from '../../fixtures/random.ts'
import { openIndex } from './support.ts'

describe('a catalog sees', () => {
  test('a file that is written, changed and deleted by others, and says so in events', async () => {
    await using at = await openIndex()
    await at.write('a.md', 'one')
    expect(await at.paths()).toEqual(['a.md'])
    expect(at.events()).toEqual([])
    const before = await at.item('a.md')

    await at.write('a.md', 'two')
    await at.until(() => at.index.cursor === 1)
    const after = await at.item('a.md')
    expect(after?.revision).not.toBe(before?.revision ?? '')
    const [event] = at.index.eventsSince({ epoch: undefined, seq: 0 }).items
    expect(event).toMatchObject({ type: 'write', path: 'a.md', revision: after?.revision, workspaceId: 'ws_test' })

    await at.write('b/c.md')
    await at.until(() => at.index.cursor === 3)
    await rm(at.at('a.md'))
    await at.until(async () => !(await at.paths()).includes('a.md'))
    expect(at.events()).toEqual(['write a.md', 'mkdir b', 'write b/c.md', 'delete a.md'])
    expect(await at.paths()).toEqual(['b', 'b/c.md'])
  })

  test('what an editor does: write beside, rename over', async () => {
    await using at = await openIndex()
    await at.write('notes.md', 'old')
    await at.paths()
    await at.write('.notes.md.swp', 'a newer text')
    await rename(at.at('.notes.md.swp'), at.at('notes.md'))
    await at.until(async () => (await at.item('notes.md'))?.size === 12)
    await at.until(async () => (await at.item('.notes.md.swp')) === undefined)
    expect(at.events().at(-1)).toBe('write notes.md')
  })

  test('a file that is deleted and made again, with the same length and time', async () => {
    await using at = await openIndex()
    await at.write('a', '1')
    const time = new Date('2026-01-01')
    await utimes(at.at('a'), time, time)
    const before = await at.item('a')
    await rm(at.at('a'))
    await at.write('a', '2')
    await utimes(at.at('a'), time, time)
    await at.until(async () => {
      const item = await at.item('a')
      return item !== undefined && item.revision !== before?.revision && item.mtimeMs === time.getTime()
    })
  })

  test('a folder that is renamed: one event, everything under its new name, and what changes there later', async () => {
    await using at = await openIndex()
    for (const name of ['one', 'deep/two', 'deep/er/three']) await at.write(`old/${name}`)
    expect(await at.paths({ includeDirs: false })).toEqual(['old/deep/er/three', 'old/deep/two', 'old/one'])
    await rename(at.at('old'), at.at('new'))
    await at.until(() => at.index.cursor === 1)
    expect(at.events()).toEqual(['rename old -> new'])
    expect(await at.paths({ includeDirs: false })).toEqual(['new/deep/er/three', 'new/deep/two', 'new/one'])

    await at.write('new/deep/er/three', 'changed after the move')
    await at.until(() => at.index.cursor === 2)
    expect(at.events()).toEqual(['write new/deep/er/three'])
    await at.write('old/deep/er/three', 'another under the old name')
    await at.until(async () => (await at.paths()).includes('old/deep/er/three'))
    await at.write('old/deep/er/three', 'and changed')
    await at.until(async () => (await at.item('old/deep/er/three'))?.size === 11)
  })

  test('folders that swap their names', async () => {
    await using at = await openIndex()
    await at.write('a/1')
    await at.write('b/2')
    await at.paths()
    await rename(at.at('a'), at.at('c'))
    await rename(at.at('b'), at.at('a'))
    await rename(at.at('c'), at.at('b'))
    const swapped = async (): Promise<boolean> => Bun.deepEquals(await at.paths(), ['a', 'a/2', 'b', 'b/1'])
    await at.until(swapped)
    await at.write('a/3')
    await at.write('b/4')
    await at.until(async () => (await at.paths({ includeDirs: false })).join() === 'a/2,a/3,b/1,b/4')
  })

  test('everything in folders that are made and filled in one go', async () => {
    await using at = await openIndex()
    await at.paths()
    const made: string[] = []
    for (let branch = 0; branch < 20; branch += 1)
      for (let leaf = 0; leaf < 10; leaf += 1) made.push(`new/${branch}/x/y/${leaf}`)
    await Promise.all(made.map(path => at.write(path)))
    await at.until(async () => (await at.paths({ includeDirs: false })).length === made.length)
    const written = at.events().filter(event => event.startsWith('write '))
    expect(new Set(written).size).toBe(made.length)
    expect(written.length).toBe(made.length)
  })

  test('the files of another git branch, without git’s own', async () => {
    await using at = await openIndex()
    const git = (...args: string[]): string =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: at.path, encoding: 'utf8' })
    git('init', '-q', '-b', 'main')
    for (let n = 0; n < 150; n += 1) await at.write(`src/${n % 7}/file-${n}.ts`, `main ${n}`)
    git('add', '.')
    git('commit', '-q', '-m', 'main')
    git('switch', '-q', '-c', 'other')
    await rm(at.at('src/3'), { recursive: true })
    for (let n = 0; n < 40; n += 1) await at.write(`src/${n % 7}/file-${n}.ts`, `other version ${n}`)
    for (let n = 0; n < 30; n += 1) await at.write(`lib/${n}.ts`, 'new here')
    git('add', '-A')
    git('commit', '-q', '-m', 'other')
    const list = (): string[] => git('ls-files', '-z').split('\0').filter(Boolean).sort()

    expect(await at.paths({ includeDirs: false })).toEqual(list())
    for (const branch of ['main', 'other', 'main']) {
      git('switch', '-q', branch)
      const expected = list()
      await at.until(async () => Bun.deepEquals(await at.paths({ includeDirs: false }), expected))
      await at.until(async () => {
        const { items } = await at.page({ includeDirs: false })
        const sizes = await Promise.all(items.map(async ({ path }) => (await readFile(at.at(path))).length))
        return items.every(({ size }, index) => size === sizes[index])
      })
    }
    expect(at.events().some(event => event.includes('.git'))).toBe(false)
  }, 20_000)

  test('what is left after a thousand random changes, and its events lead a client there', async () => {
    await using at = await openIndex()
    const random = seededRandom(3)
    const names = ['a', 'b', 'c', 'd']
    const somewhere = (): string =>
      Array.from({ length: 1 + Math.floor(random() * 3) }, () => names[Math.floor(random() * 4)]).join('/')
    await at.paths()
    const client = followEvents(at.index)
    for (let step = 0; step < 1500; step += 1) {
      const kind = random()
      // Folders stand in the way of files and the other way round: that is as it should be.
      const change =
        kind < 0.5
          ? at.write(somewhere(), `step ${step}`)
          : kind < 0.7
            ? rm(at.at(somewhere()), { recursive: true, force: true })
            : kind < 0.9
              ? rename(at.at(somewhere()), at.at(somewhere()))
              : mkdir(at.at(somewhere()), { recursive: true })
      await change.catch(() => {})
      // Five times while it goes on, let the index look.
      if (step % 300 !== 299) continue
      await at.write(`seen-${step}`)
      await at.until(async () => (await at.item(`seen-${step}`)) !== undefined)
    }
    await at.write('the-end')
    const expected = execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P %y\n'], {
      cwd: at.path,
      encoding: 'utf8',
    })
    const onDisk = expected.trim().split('\n').sort()
    await at.until(async () => {
      const { items } = await at.page()
      const known = items.map(({ path, kind }) => `${path} ${kind === 'dir' ? 'd' : 'f'}`).sort()
      return Bun.deepEquals(known, onDisk)
    })
    expect([...(await client.known())].sort()).toEqual((await at.paths()).sort())
  }, 20_000)
})

/** A client that never asks for a snapshot again: the paths it knows from events alone. */
function followEvents(index: FileIndex): { known(): Promise<Set<string>> } {
  const paths = new Set<string>()
  const below = (path: string): string[] => [...paths].filter(known => known === path || known.startsWith(`${path}/`))
  const take = ({ type, path, toPath = '' }: FileEvent): void => {
    if (type === 'write' || type === 'mkdir') paths.add(path)
    for (const known of type === 'delete' || type === 'rename' ? below(path) : []) {
      paths.delete(known)
      if (type === 'rename') paths.add(toPath + known.slice(path.length))
    }
  }
  let seq = index.cursor
  const ended = new AbortController()
  const following = (async () => {
    while (!ended.signal.aborted || seq < index.cursor) {
      const { items, reset } = index.eventsSince({ epoch: index.epoch, seq })
      if (reset) throw new Error('the client was too slow')
      for (const event of items) take(event)
      seq = items.at(-1)?.seq ?? seq
      await index.behind(seq, ended.signal)
    }
  })()
  return {
    async known() {
      ended.abort()
      await following
      return paths
    },
  }
}

describe('a catalog leaves out', () => {
  test('links and what they lead to, circles included', async () => {
    await using at = await openIndex()
    await at.write('real/file')
    await symlink('.', at.at('real/circle'))
    await symlink('/', at.at('everything'))
    await symlink('real', at.at('alias'))
    await symlink('real/file', at.at('link'))
    expect(await at.paths()).toEqual(['real', 'real/file'])
    await rm(at.at('real/file'))
    await symlink('/etc/hostname', at.at('real/file'))
    await at.until(async () => (await at.paths()).length === 1)
    expect(at.events()).toEqual(['delete real/file'])
  })

  test('what is outside, whoever puts a link there at whatever moment', async () => {
    await using outside = await openIndex()
    for (const path of ['b/secret', 'b/c/secret', 'secret']) await outside.write(path)
    await using at = await openIndex()
    for (const path of ['a/b/1', 'a/b/c/2', 'a/3', 'node_modules/a/b/1']) await at.write(path)
    await at.paths()
    const seen = new Set<string>()
    for (let round = 0; round < 300; round += 1) {
      const folder = at.at(round % 3 === 0 ? 'node_modules/a' : 'a')
      await rename(folder, `${folder}-away`)
      await symlink(outside.path, folder)
      if (round % 5 === 0)
        await at.until(async () => (await at.paths({ prefix: 'a/b' })).length !== 3 || round % 3 === 0)
      const listings = [at.paths({ prefix: 'node_modules' }), at.paths({ prefix: 'node_modules/a/b' }), at.paths()]
      await rm(folder)
      await rename(`${folder}-away`, folder)
      for (const path of (await Promise.all(listings)).flat()) seen.add(path)
    }
    await at.until(async () => (await at.paths({ prefix: 'a' })).join() === 'a,a/3,a/b,a/b/1,a/b/c,a/b/c/2')
    for (const event of at.events()) seen.add(event)
    expect([...seen].filter(path => path.includes('secret'))).toEqual([])
    await at.write('a/b/c/2', 'still watched')
    await at.until(async () => (await at.item('a/b/c/2'))?.size === 13)
  }, 20_000)

  test('version control, packages, litter, unfinished files and the patterns of the settings', async () => {
    await using at = await openIndex({ globs: ['*.log', 'build/**', 'docs/private'] })
    const unfinished = '.openwork-tmp-3f2f2f5e-0f7d-4a0f-9d9a-0e4f3c1f7a11'
    const out = [
      '.git/HEAD',
      'x/node_modules/y.js',
      '.DS_Store',
      'x/y.log',
      'build/out.js',
      'docs/private/z',
      unfinished,
    ]
    for (const path of [...out, 'x/y.js', 'docs/public', '.gitignore']) await at.write(path)
    const kept = ['.gitignore', 'docs/public', 'x/y.js']
    expect(await at.paths({ includeDirs: false })).toEqual(kept)
    for (const path of out) await at.write(path, 'changed')
    await at.write('z')
    await at.until(() => at.index.cursor > 0)
    expect(at.events()).toEqual(['write z'])
  })

  test('but answers for a prefix of what it leaves out, from the disk', async () => {
    await using at = await openIndex()
    for (const path of ['b', 'a/c', 'a-b', 'a/d/e']) await at.write(`node_modules/x/${path}`)
    await symlink('/etc', at.at('node_modules/x/etc'))
    await symlink('x', at.at('node_modules/alias'))
    const prefix = 'node_modules/x'
    const all = ['', '/a', '/a-b', '/a/c', '/a/d', '/a/d/e', '/b'].map(path => prefix + path)
    expect(await at.paths({ prefix })).toEqual(all)
    const walked: string[] = []
    for (let after: string | undefined; ; after = walked.at(-1)) {
      const { items, total, truncated } = await at.page({ prefix, after, limit: 2 })
      expect(total).toBe(all.length - walked.length)
      walked.push(...items.map(({ path }) => path))
      if (!truncated) break
    }
    expect(walked).toEqual(all)
    expect(await at.paths({ prefix, includeDirs: false, after: `${prefix}/a-b` })).toEqual(
      ['/a/c', '/a/d/e', '/b'].map(path => prefix + path),
    )
    expect(await at.paths({ prefix: 'node_modules/alias' })).toEqual([])
    expect(await at.paths({ prefix: 'node_modules/alias/a' })).toEqual([])
    expect(await at.paths({ prefix: 'node_modules/none' })).toEqual([])
  })
})
