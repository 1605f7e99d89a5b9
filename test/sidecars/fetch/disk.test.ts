import { expect, test } from 'bun:test'
import { chmod, mkdtemp, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { testUnless } from '../../e2e/harness.ts'
import { mountSmallDisk, whyNoSmallDisk } from '../../e2e/small-disk.ts'
import { good, startMirror, withoutLength } from '../../fixtures/mirror.ts'
import { failure } from '../kit.ts'
import { CONTENT, downloadBox } from './kit.ts'

const scratch = await mkdtemp(join(tmpdir(), 'openwork-no-disk-'))
const whereDisksCanBeMounted = testUnless(whyNoSmallDisk(scratch))
await rmdir(scratch)

whereDisksCanBeMounted('too little space is noticed before anything is asked for', async () => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await using _disk = mountSmallDisk(dirname(box.path))
  const error = await failure(box.download([mirror.url('/file')]))
  expect(error.code).toBe('disk_full')
  expect(error.message).toMatch(/^the file needs 4 MB of space in .*, 2 MB are free$/)
  expect(mirror.requests).toHaveLength(0)
  expect(await box.files()).toEqual([])
})

whereDisksCanBeMounted('too little space for what the server has is noticed before its body is read', async () => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await using _disk = mountSmallDisk(dirname(box.path))
  const error = await failure(box.download([mirror.url('/file')], { size: undefined }))
  expect(error.code).toBe('disk_full')
  expect(await box.files()).toEqual([])
})

whereDisksCanBeMounted('a disk that gets full on the way is given back what the download took', async () => {
  await using mirror = await startMirror({ '/file': withoutLength(CONTENT) })
  await using box = await downloadBox()
  await using disk = mountSmallDisk(dirname(box.path))
  const error = await failure(box.download([mirror.url('/file')], { size: undefined }))
  expect(error.code).toBe('disk_full')
  expect(error.message).toContain(`The disk that holds ${disk.path} is full: ENOSPC`)
  expect(mirror.requests).toHaveLength(1)
  expect(await box.files()).toEqual([])
})

const whereFoldersCanBeClosed = testUnless(process.getuid?.() === 0 ? 'root may write anywhere' : undefined)

whereFoldersCanBeClosed('a folder that may not be written is named', async () => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await chmod(box.folder, 0o500)
  const error = await failure(box.download([mirror.url('/file')]))
  expect(error.code).toBe('sidecar_dir_unusable')
  expect(error.message).toContain(dirname(box.path))
})

test('a file in the place of the folder is named', async () => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await writeFile(dirname(box.path), 'a file')
  const error = await failure(box.download([mirror.url('/file')]))
  expect(error.code).toBe('sidecar_dir_unusable')
  expect(error.message).toContain(`${dirname(box.path)} cannot hold sidecars`)
  expect(error.hint).toContain('--sidecar-dir')
})

test('what else than sidecars a folder is for is said', async () => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await writeFile(dirname(box.path), 'a file')
  const use = { holds: 'an upgrade', elsewhere: 'move openwork' }
  const error = await failure(box.download([mirror.url('/file')], { use }))
  expect(error.message).toContain(`${dirname(box.path)} cannot hold an upgrade`)
  expect(error.hint).toBe('Make it a folder that you may write, or move openwork.')
})
