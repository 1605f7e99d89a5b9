import { expect, test } from 'bun:test'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { withFileLock } from '../../../src/shared/file-lock.ts'
import { keepListedEntry } from '../../../src/sidecars/release/listed-entry.ts'
import { failure, sha256, VERSION } from '../kit.ts'
import { cacheBox, OPENWORK } from './cache-kit.ts'

type Box = Awaited<ReturnType<typeof cacheBox>>

const states = async (box: Box): Promise<Record<string, string>> =>
  Object.fromEntries((await box.list()).map(({ path, state }) => [path.slice(box.dir.length + 1), state]))

test('a cache that is not there is empty', async () => {
  await using box = await cacheBox()
  expect(await box.list()).toEqual([])
})

test('every build says what it is, newest version first, and how large', async () => {
  await using box = await cacheBox()
  await box.putBuild()
  await box.put('opencode/7.8.10/opencode-linux-x64/opencode', 'newer')
  await box.put('opencode/7.8.8/opencode-linux-arm64-musl/opencode', 'older')
  await box.put(`opencode/${VERSION}/opencode-darwin-arm64/opencode`, 'cut short')
  await box.put(`opencode/${VERSION}/opencode-plan9-x64/opencode`, 'of a build that nobody pinned')
  await box.put(`${OPENWORK}/linux-x64/openwork`, 'ourselves')
  await box.put(`${OPENWORK}/linux-x64/openwork-server`, 'ourselves')
  await box.put('3.4.4/linux-x64/openwork', 'of before')
  await box.put('verified.json', '{}')
  await box.put('notes.txt', 'of the user')

  const items = await box.list()

  expect(items.map(({ kind, state, version, target, bytes }) => [kind, state, version, target, bytes])).toEqual([
    ['opencode', 'old', '7.8.10', 'linux-x64', 5],
    ['opencode', 'damaged', VERSION, 'darwin-arm64', 9],
    ['opencode', 'current', VERSION, 'linux-x64', box.content.length],
    ['opencode', 'unknown', VERSION, 'plan9-x64', 29],
    ['opencode', 'old', '7.8.8', 'linux-arm64-musl', 5],
    ['openwork', 'unverified', OPENWORK, 'linux-x64', 9],
    ['openwork', 'old', '3.4.4', 'linux-x64', 9],
    ['other', 'unknown', undefined, undefined, 11],
  ])
  expect(items[1]?.problem).toBe(`has 9 bytes, expected ${box.content.length}`)
})

test('a download is one item with all its pieces, and what one left is told from what one is writing', async () => {
  await using box = await cacheBox()
  await box.put(`opencode/${VERSION}/opencode-linux-x64/.tmp-abc/opencode`, 'half')
  await box.put(`downloads/opencode-linux-x64-${VERSION}.listed.tgz.part`, 'half of it')
  await box.put(`downloads/opencode-linux-x64-${VERSION}.listed.tgz.part.json`, '{}')
  await box.put(`downloads/openwork-linux-arm64-musl-${OPENWORK}.part`, 'of another one')
  const rows = async () =>
    (await box.list()).map(({ state, target, bytes, files }) => [state, target, bytes, files.length])
  expect(await rows()).toEqual([
    ['partial', 'linux-x64', 16, 3],
    ['partial', 'linux-arm64-musl', 14, 1],
  ])

  await withFileLock(dirname(box.cached()), { onWait: () => {}, signal: undefined }, async () => {
    expect(await rows()).toEqual([
      ['busy', 'linux-x64', 16, 4],
      ['partial', 'linux-arm64-musl', 14, 1],
    ])
  })
})

test('our own executable is current when it is what the manifest said, and damaged when it is not', async () => {
  await using box = await cacheBox()
  const executable = await box.put(`${OPENWORK}/linux-x64/openwork`, 'ourselves')
  const entry = {
    version: OPENWORK,
    sha256: sha256('ourselves'),
    size: 9,
    url: 'https://x/openwork',
    manifestUrl: 'https://x/m',
  }
  await keepListedEntry(executable, entry)
  const only = async () => (await box.list()).map(({ state, files, problem }) => [state, files.length, problem])
  expect(await only()).toEqual([['current', 2, undefined]])

  await keepListedEntry(executable, { ...entry, size: 10 })
  expect(await only()).toEqual([['damaged', 2, 'has 9 bytes, expected 10']])
})

test('no link is followed: neither one in the place of a folder nor one in that of a build', async () => {
  await using box = await cacheBox()
  const outside = join(box.folder, 'outside')
  await mkdir(join(outside, VERSION, 'opencode-linux-x64'), { recursive: true })
  await writeFile(join(outside, VERSION, 'opencode-linux-x64', 'opencode'), box.content)
  await mkdir(dirname(box.cached()), { recursive: true })
  await symlink(join(outside, VERSION, 'opencode-linux-x64', 'opencode'), box.cached())
  await symlink(outside, box.path('downloads'))

  expect(await states(box)).toEqual({
    [`opencode/${VERSION}/opencode-linux-x64/opencode`]: 'damaged',
    downloads: 'unknown',
  })
})

test('a cache that is a file is named', async () => {
  await using box = await cacheBox()
  await writeFile(box.dir, '')
  const error = await failure(box.list())
  expect(error.code).toBe('sidecar_dir_unusable')
  expect(error.message).toContain(box.dir)
})
