import { expect, test } from 'bun:test'
import { mkdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { revisionOf } from '../../../src/server/files/revision.ts'
import { temporaryFolder } from '../start-server.ts'

test('a revision begins with the whole milliseconds of the mtime and the size, 0 for a folder', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'a')
  await writeFile(file, 'four')
  await mkdir(join(folder.path, 'b'))
  await utimes(file, 1_700_000_000.1239, 1_700_000_000.1239)
  expect(revisionOf(await stat(file, { bigint: true }))).toMatch(/^1700000000123:4:/)
  expect(revisionOf(await stat(join(folder.path, 'b'), { bigint: true }))).toMatch(/^\d{13}:0:/)
})

test('a revision differs when a file of the same size and millisecond is another one', async () => {
  await using folder = await temporaryFolder()
  const revisions = await Promise.all(
    ['a', 'b'].map(async name => {
      const file = join(folder.path, name)
      await writeFile(file, name)
      await utimes(file, 1_700_000_000, 1_700_000_000)
      return revisionOf(await stat(file, { bigint: true }))
    }),
  )
  expect(revisions[0]).not.toBe(revisions[1])
})
