import { describe, expect, test } from 'bun:test'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { temporaryName } from '../../../src/server/files/temporary-name.ts'
import { openIndex } from './support.ts'

describe('a change made through the server', () => {
  test('is in the catalog and the events at once, and is not reported a second time', async () => {
    await using at = await openIndex()
    await at.paths()

    await at.write('new/folder/a.md', 'one')
    at.index.noteChange({ type: 'write', path: 'new/folder/a.md' })
    expect(await at.paths()).toEqual(['new', 'new/folder', 'new/folder/a.md'])
    await at.write('new/folder/a.md', 'two')
    at.index.noteChange({ type: 'write', path: 'new/folder/a.md' })
    await rename(at.at('new/folder/a.md'), at.at('new/b.md'))
    at.index.noteChange({ type: 'rename', path: 'new/folder/a.md', toPath: 'new/b.md' })
    await mkdir(at.at('empty'))
    at.index.noteChange({ type: 'mkdir', path: 'empty' })
    await rm(at.at('new/folder'), { recursive: true })
    at.index.noteChange({ type: 'delete', path: 'new/folder' })
    expect(await at.paths()).toEqual(['empty', 'new', 'new/b.md'])

    const own = ['mkdir new', 'mkdir new/folder', 'write new/folder/a.md', 'write new/folder/a.md']
    const more = ['rename new/folder/a.md -> new/b.md', 'mkdir empty', 'delete new/folder']
    await seenByTheWatch(at)
    expect(at.events()).toEqual([...own, ...more, 'write from-outside'])
  })

  test('moves a folder with all it holds, onto a file that is replaced, and still sees what changes in it', async () => {
    await using at = await openIndex()
    for (const path of ['a/1', 'a/b/2', 'c/x']) await at.write(path)
    await at.paths()
    await rename(at.at('a'), at.at('c/a'))
    at.index.noteChange({ type: 'rename', path: 'a', toPath: 'c/a' })
    expect(await at.paths({ includeDirs: false })).toEqual(['c/a/1', 'c/a/b/2', 'c/x'])
    await rename(at.at('c/a/1'), at.at('c/x'))
    at.index.noteChange({ type: 'rename', path: 'c/a/1', toPath: 'c/x' })
    expect(await at.paths({ includeDirs: false })).toEqual(['c/a/b/2', 'c/x'])
    await seenByTheWatch(at)
    expect(at.events()).toEqual(['rename a -> c/a', 'rename c/a/1 -> c/x', 'write from-outside'])
    await at.write('c/a/b/2', 'changed by others')
    await at.until(() => at.index.cursor === 4)
    expect(at.events()).toEqual(['write c/a/b/2'])
  })

  test('has an event before anyone asked for a catalog, and while it is read for the first time', async () => {
    await using at = await openIndex()
    await at.write('early')
    const event = at.index.noteChange({ type: 'write', path: 'early', revision: 'r1' })
    expect(event).toMatchObject({ seq: 1, type: 'write', path: 'early', revision: 'r1', workspaceId: 'ws_test' })
    for (let n = 0; n < 300; n += 1) await at.write(`deep/${n % 10}/${n}`)

    const first = at.page({ includeDirs: false })
    const paths: string[] = []
    // In folders that the first look has not reached, or is just at, or has left.
    for (let n = 0; n < 50; n += 1) {
      const path = `deep/${n % 10}/later-${n}`
      const unfinished = at.at(`deep/${temporaryName()}`)
      await writeFile(unfinished, path)
      await rename(unfinished, at.at(path))
      at.index.noteChange({ type: 'write', path })
      paths.push(path)
      await rm(at.at(`deep/${n % 10}/${n}`))
      at.index.noteChange({ type: 'delete', path: `deep/${n % 10}/${n}` })
    }
    await first
    await seenByTheWatch(at)
    const known = await at.paths({ includeDirs: false })
    expect(known.length).toBe(302)
    for (const path of paths) expect(known).toContain(path)
    const events = at.events()
    expect(events.length).toBe(102)
    expect(new Set(events).size).toBe(102)
  })

  test('outside of what the catalog shows has its event, and nothing else', async () => {
    await using at = await openIndex()
    await at.paths()
    await at.write('node_modules/x/y.js')
    at.index.noteChange({ type: 'write', path: 'node_modules/x/y.js' })
    at.index.noteChange({ type: 'delete', path: 'never/was/there' })
    at.index.noteChange({ type: 'rename', path: 'nor/this', toPath: 'nor/that' })
    expect(await at.paths()).toEqual([])
    expect(at.events()).toEqual(['write node_modules/x/y.js', 'delete never/was/there', 'rename nor/this -> nor/that'])
  })
})

test('whoever waits for an event is let go when the index is closed', async () => {
  await using at = await openIndex()
  await at.paths()
  const waiting = at.index.behind(0, new AbortController().signal)
  at.index.close()
  await waiting
  expect(at.index.isClosed).toBe(true)
})

/** Resolves when the watch has told of everything up to now: what is written last shows last. */
async function seenByTheWatch(at: Awaited<ReturnType<typeof openIndex>>): Promise<void> {
  await at.write('from-outside')
  await at.until(async () => (await at.item('from-outside')) !== undefined)
}
