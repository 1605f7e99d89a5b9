// What others may have put into the folder that a file is fetched to.
import { describe, expect, test } from 'bun:test'
import { chmod, link, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { good, startMirror } from '../../fixtures/mirror.ts'
import { makePipe, testWithPipes } from '../../fixtures/pipe.ts'
import { CONTENT, downloadBox, SHA256 } from './kit.ts'

type Box = Awaited<ReturnType<typeof downloadBox>>

/** A file is fetched as if nothing had stood there, and nothing but it is left. */
async function fetches(box: Box): Promise<void> {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  expect(await box.download([mirror.url('/file')])).toMatchObject({ sha256: SHA256, url: mirror.url('/file') })
  expect(await box.content()).toEqual(CONTENT)
  expect(await box.files()).toEqual(['file'])
}

describe.each(['', '.part', '.part.json'])('a pipe in the place of file%s', suffix => {
  testWithPipes('holds nothing up', async () => {
    await using box = await downloadBox()
    await mkdir(dirname(box.path))
    await makePipe(`${box.path}${suffix}`)
    await fetches(box)
  })
})

describe.each(['.part', '.part.json'])('a link in the place of file%s', suffix => {
  test('is not written through', async () => {
    await using box = await downloadBox()
    await mkdir(dirname(box.path))
    const other = join(box.folder, 'of somebody else')
    await writeFile(other, 'precious')
    await symlink(other, `${box.path}${suffix}`)
    await fetches(box)
    expect(await readFile(other, 'utf8')).toBe('precious')
  })
})

test('a part that is another name of some file leaves that as it is', async () => {
  await using box = await downloadBox()
  await mkdir(dirname(box.path))
  const other = join(box.folder, 'of somebody else')
  await writeFile(other, 'precious', { mode: 0o600 })
  await link(other, `${box.path}.part`)
  await fetches(box)
  expect(await readFile(other, 'utf8')).toBe('precious')
})

test.each([
  ['only we may write is gone on with', 0o600, `bytes=${CONTENT.length / 2}-`],
  ['others may write is not gone on with', 0o666, undefined],
])('a part that %s', async (_, mode, range) => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await mkdir(dirname(box.path))
  await writeFile(`${box.path}.part`, CONTENT.subarray(0, CONTENT.length / 2))
  await chmod(`${box.path}.part`, mode)
  await writeFile(`${box.path}.part.json`, JSON.stringify({ sha256: SHA256, source: 'a mirror' }))
  await box.download([mirror.url('/file')])
  expect(mirror.requests.map(request => request.range)).toEqual([range])
  expect((await stat(box.path)).mode & 0o777).toBe(0o600)
})

test('a note of any length is passed over', async () => {
  await using box = await downloadBox()
  await mkdir(dirname(box.path))
  await writeFile(`${box.path}.part.json`, ' '.repeat(10_000))
  await fetches(box)
})
