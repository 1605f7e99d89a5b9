import { expect } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBundledFolders } from '../../../src/sidecars/find/bundled-folders.ts'
import { makePipe, testWithPipes } from '../../fixtures/pipe.ts'
import { failure, fakeOpencode, sidecarBox } from '../kit.ts'

testWithPipes('a pipe in the place of versions.json says nothing, and is not waited for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-bundled-'))
  try {
    await makePipe(join(folder, 'versions.json'))
    const folders = await findBundledFolders(process.execPath, { OPENWORK_BUNDLED_SIDECAR_DIR: folder })
    expect(folders.at(-1)).toMatchObject({ folder, versions: {} })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

testWithPipes('a pipe in the place of the package.json of a wrong opencode is not waited for', async () => {
  await using box = await sidecarBox()
  await box.write('App/bin/opencode', fakeOpencode('6.6.6'), 0o755)
  await makePipe(box.path('App', 'package.json'))
  const env = { ...box.env, OPENWORK_BUNDLED_SIDECAR_DIR: box.path('App', 'bin') }
  expect((await failure(box.find({ env, source: 'bundled' }))).code).toBe('sidecar_checksum_mismatch')
})
