import { expect } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileChanges } from '../../../src/server/files/file-changes.ts'
import { testUnless } from '../../e2e/harness.ts'
import { mountSmallDisk, whyNoSmallDisk } from '../../e2e/small-disk.ts'
import { startServer, temporaryFolder } from '../start-server.ts'
import { base64, openSession } from './session-client.ts'

const scratch = mkdtempSync(join(tmpdir(), 'openwork-no-disk-'))
const whereDisksCanBeMounted = testUnless(whyNoSmallDisk(scratch))
rmdirSync(scratch)

whereDisksCanBeMounted('a write that finds no space says so, and leaves the old content and nothing else', async () => {
  await using folder = await temporaryFolder()
  await using disk = mountSmallDisk(join(folder.path, 'project'))
  await using server = await startServer({ folder: folder.path, flags: ['--approval', 'auto'] })
  const { write } = await openSession(server)
  await write({ path: 'a', contentBase64: base64('old') })
  disk.fill(8192)

  const [large] = (await write({ path: 'a', contentBase64: Buffer.alloc(100_000).toString('base64') })).items
  expect(large).toMatchObject({ ok: false, path: 'a', code: 'disk_full' })
  const [small] = (await write({ path: 'small', contentBase64: base64('fits') })).items
  expect(small).toMatchObject({ ok: true, path: 'small' })
  expect(readFileSync(join(disk.path, 'a'), 'utf8')).toBe('old')
  expect(readdirSync(disk.path).sort()).toEqual(['a', 'ballast', 'small'])
})

whereDisksCanBeMounted(
  'a change that fails takes away the folders it made, and disturbs no other in them',
  async () => {
    await using folder = await temporaryFolder()
    await using disk = mountSmallDisk(join(folder.path, 'project'))
    disk.fill(0)
    const [changes, target] = [new FileChanges(), { root: disk.path, note() {} }]
    const write = (path: string, size: number) =>
      changes.write(target, path, new Uint8Array(size).fill(1), { be: 'anything' })
    mkdirSync(join(disk.path, 'there'))

    await expect(write('there/a/b/c/f', 100_000)).rejects.toThrow('ENOSPC')
    expect(readdirSync(join(disk.path, 'there'))).toEqual([])

    const sizes = Array.from({ length: 30 }, (_, n) => (n % 3 === 0 ? 0 : 100_000))
    const results = await Promise.allSettled(sizes.map((size, n) => write(`a/b/${n}`, size)))
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(sizes.map(size => size === 0))
    expect(readdirSync(join(disk.path, 'a/b'))).toHaveLength(10)
  },
)
