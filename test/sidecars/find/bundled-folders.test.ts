import { expect } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBundledFolders } from '../../../src/sidecars/find/bundled-folders.ts'
import { makePipe, testWithPipes } from '../../fixtures/pipe.ts'

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
