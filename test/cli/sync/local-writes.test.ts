import { expect, test } from 'bun:test'
import { mkdir, readFile, realpath, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashOf } from '../../../src/cli/sync/local-folder.ts'
import { placeFile, removeFile } from '../../../src/cli/sync/local-writes.ts'
import { temporaryFolder } from '../../server/start-server.ts'
import { readTree, writeTree } from './kit.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const copyName = (path: string) => (attempt: number) => `${path} (copy ${attempt})`

async function emptyFolder(): Promise<{ root: string } & AsyncDisposable> {
  const folder = await temporaryFolder()
  return { root: await realpath(folder.path), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const place = (root: string, path: string, text: string, expected?: string) =>
  placeFile(root, path, bytes(text), {
    expectedHash: expected === undefined ? undefined : hashOf(bytes(expected)),
    copyName: copyName(path),
  })

test('a file is created with its folders, updated when it is as expected, and else kept beside', async () => {
  await using folder = await emptyFolder()
  const { root } = folder
  expect(await place(root, 'a/b/c', 'one')).toEqual({ as: 'created' })
  expect(await place(root, 'a/b/c', 'one')).toEqual({ as: 'same' })
  expect(await place(root, 'a/b/c', 'two', 'one')).toEqual({ as: 'updated' })
  expect(await place(root, 'a/b/c', 'three', 'one')).toEqual({ as: 'conflict', copy: 'a/b/c (copy 1)' })
  expect(await place(root, 'a/b/c', 'four')).toEqual({ as: 'conflict', copy: 'a/b/c (copy 2)' })
  expect(await readTree(root)).toEqual({ 'a/b/c': 'four', 'a/b/c (copy 1)': 'two', 'a/b/c (copy 2)': 'three' })
})

test('of many who put a file there at once, nobody’s content is lost', async () => {
  await using folder = await emptyFolder()
  const { root } = folder
  const contents = Array.from({ length: 20 }, (_, n) => `content ${n}`)
  await Promise.all(contents.map(content => place(root, 'f', content)))
  expect(Object.values(await readTree(root)).sort()).toEqual([...contents].sort())
})

test('a file saved while it is being replaced is kept, however it is saved', async () => {
  await using folder = await emptyFolder()
  const { root } = folder
  const file = join(root, 'f')
  const contents: string[] = []
  // What an editor saves stays until the editor itself saves the next: only a `placed` one may have taken its place.
  for (let n = 0; n < 60; n++) {
    const saved = `saved ${n}`
    await writeFile(join(root, 'draft'), saved)
    const [result] = await Promise.all([
      place(root, 'f', `placed ${n}`, contents.at(-1)).catch(error => error),
      // Some saves come early, some late.
      Bun.sleep(n % 3).then(() => rename(join(root, 'draft'), file)),
    ])
    if (result instanceof Error) expect(result).toMatchObject({ code: 'conflict' })
    const there = Object.values(await readTree(root))
    expect(there).toContain(saved)
    contents.push(await readFile(file, 'utf8'))
  }
  expect(Object.keys(await readTree(root)).filter(path => path.includes('.openwork-sync-'))).toEqual([])
})

test('nothing is written through symbolic links, or where something else than a file is', async () => {
  await using folder = await emptyFolder()
  const root = join(folder.root, 'root')
  const outside = join(folder.root, 'outside')
  await writeTree(outside, { kept: 'kept' })
  await writeTree(root, { 'folder/x': 'x', file: 'f' })
  await symlink(outside, join(root, 'link'))
  await symlink(join(outside, 'kept'), join(root, 'to-file'))
  await symlink(join(outside, 'new'), join(root, 'to-nothing'))
  for (const path of ['link/a', 'link/kept', 'to-file', 'to-nothing', 'folder', 'file/x'])
    await expect(place(root, path, 'evil')).rejects.toMatchObject({ code: 'invalid_path' })
  for (const path of ['link/kept', 'to-file'])
    await expect(removeFile(root, path, hashOf(bytes('kept')))).rejects.toMatchObject({ code: 'invalid_path' })
  expect(await readTree(outside)).toEqual({ kept: 'kept' })
  expect(await readTree(root)).toEqual({ 'folder/x': 'x', file: 'f' })
})

test('a file is removed only when it is what is expected', async () => {
  await using folder = await emptyFolder()
  const { root } = folder
  await writeTree(root, { 'a/f': 'changed' })
  await expect(removeFile(root, 'a/f', hashOf(bytes('old')))).rejects.toMatchObject({ code: 'conflict' })
  await removeFile(root, 'a/f', hashOf(bytes('changed')))
  await removeFile(root, 'a/f', hashOf(bytes('changed'))) // gone already
  await removeFile(root, 'none/f', 'x')
  expect(await readTree(root)).toEqual({})
})

test('permissions stay, and a file that cannot be written fails alone', async () => {
  await using folder = await emptyFolder()
  const { root } = folder
  await writeFile(join(root, 'run.sh'), 'one', { mode: 0o750 })
  await place(root, 'run.sh', 'two', 'one')
  expect((await stat(join(root, 'run.sh'))).mode & 0o777).toBe(0o750)
  await mkdir(join(root, 'd'))
  await expect(place(root, `d/${'x'.repeat(300)}`, 'x')).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  expect(await readTree(root)).toEqual({ 'run.sh': 'two' })
})
