import { expect } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
