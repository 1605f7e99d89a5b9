import { describe, expect, test } from 'bun:test'
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { withFileLock } from '../../../src/shared/file-lock.ts'
import { planGc, removeItem } from '../../../src/sidecars/cache/cache-gc.ts'
import { isCache } from '../../../src/sidecars/cache/cache-items.ts'
import { keepListedEntry } from '../../../src/sidecars/release/listed-entry.ts'
import { sha256, VERSION } from '../kit.ts'
import { cacheBox, exists, OPENWORK } from './cache-kit.ts'

type Box = Awaited<ReturnType<typeof cacheBox>>

const NOBODY = { paths: new Set<string>(), silent: [] }

/** Paths that would go. */
const goes = async (box: Box, { all = false, inUse = NOBODY as Parameters<typeof planGc>[1]['inUse'] } = {}) =>
  planGc(await box.list(), { all, inUse })
    .filter(({ remove }) => remove)
    .map(({ item }) => item.path.slice(box.dir.length + 1))
    .sort()

/** Our executable, with what the manifest said of it. */
async function putOwn(box: Box, version: string): Promise<void> {
  const executable = await box.put(`${version}/linux-x64/openwork`, version)
  const from = { url: 'https://x/openwork', manifestUrl: 'https://x/m' }
  await keepListedEntry(executable, { version, sha256: sha256(version), size: version.length, ...from })
}

/** A cache in which there is one of everything. */
async function fullBox() {
  const box = await cacheBox()
  await box.putBuild()
  await box.putBuild('opencode-darwin-arm64')
  for (const version of ['7.8.7', '7.8.8', '7.10.0'])
    await box.put(`opencode/${version}/opencode-linux-x64/opencode`, version)
  await box.put(`opencode/${VERSION}/opencode-windows-x64/opencode`, 'damaged')
  for (const version of ['3.4.3', '3.4.4', OPENWORK]) await putOwn(box, version)
  await box.put('downloads/opencode-linux-x64-7.8.9.listed.tgz.part', 'x')
  await box.put(UNKNOWN, 'of a build that nobody pinned')
  await box.put('verified.json', '{}')
  return box
}

const OLD = [
  '3.4.3/linux-x64/openwork',
  'opencode/7.8.7/opencode-linux-x64/opencode',
  'opencode/7.8.8/opencode-linux-x64/opencode',
]
const BROKEN = [
  'downloads/opencode-linux-x64-7.8.9.listed.tgz.part',
  `opencode/${VERSION}/opencode-windows-x64/opencode`,
]
const UNKNOWN = `opencode/${VERSION}/opencode-plan9-x64/opencode`
const SPARED = ['3.4.4/linux-x64/openwork', 'opencode/7.10.0/opencode-linux-x64/opencode', UNKNOWN]

test('everything goes that this version does not need, but for the newest other one, which an upgrade may go back to', async () => {
  await using box = await fullBox()
  expect(await goes(box)).toEqual([...OLD, ...BROKEN].sort())
})

test('with --all the newest other version goes too, and builds that nobody knows', async () => {
  await using box = await fullBox()
  expect(await goes(box, { all: true })).toEqual([...OLD, ...BROKEN, ...SPARED].sort())
})

test('what a running host uses never goes', async () => {
  await using box = await fullBox()
  const used = 'opencode/7.8.7/opencode-linux-x64/opencode'
  const inUse = { paths: new Set([box.path(used)]), silent: [] }
  expect(await goes(box, { all: true, inUse })).not.toContain(used)
  expect(await goes(box, { all: true, inUse })).toHaveLength(OLD.length + BROKEN.length + SPARED.length - 1)
})

test('no old build goes while a running host does not say what it uses', async () => {
  await using box = await fullBox()
  expect(await goes(box, { all: true, inUse: { paths: new Set(), silent: ['/work'] } })).toEqual(
    [...BROKEN, UNKNOWN].sort(),
  )
})

/** What somebody has in a folder of theirs that they name by mistake; some of it in folders that are called like ours. */
const THEIRS = [
  '.git/HEAD',
  'README.md',
  'src/index.ts',
  'opencode/.git/HEAD',
  'opencode/package.json',
  'opencode/1.2.3/notes.md',
  'opencode/1.2.3/opencode-linux-x64/README.md',
  'opencode/1.2.3/opencode-linux-x64/opencode/main.ts',
  'opencode/1.2.3/opencode-linux-x64.lock',
  'opencode/1.2.3/src/opencode',
  'downloads/film.part',
  'downloads/opencode-linux-x64-1.2.3.listed.tgz.part/file',
  'downloads/opencode-notes.lock/file',
  '1.2.3/linux-x64/tool',
  '2.0.0/linux-x64/NOTES.md',
  '2.0.0/linux-x64/openwork',
  '2.0.0/linux-x64/openwork-server',
  'downloads/opencode-linux-x64-1.2.3.tgz',
  '1.2.3/bin/openwork',
  '1.2.3/.tmp-mine/file',
]

/** A link to a folder elsewhere, and what lies there. */
const LINKED = ['opencode/4.5.6', 'opencode/4.5.6/opencode-linux-x64/opencode']

test('nothing goes that openwork has not made, wherever it lies, and nobody looks into it', async () => {
  await using box = await cacheBox()
  for (const path of THEIRS) await box.put(path, 'dear')
  const outside = join(box.folder, 'outside')
  await mkdir(join(outside, 'opencode-linux-x64'), { recursive: true })
  await writeFile(join(outside, 'opencode-linux-x64', 'opencode'), 'dear')
  await symlink(outside, box.path('opencode', '4.5.6'))
  const items = await box.list()

  expect(await isCache(box.dir, items)).toBe(false)
  expect(await goes(box, { all: true })).toEqual([])
  for (const item of items) expect(await removeItem(box.dir, item, undefined)).toBe(false)
  expect(await box.files()).toEqual([...THEIRS, ...LINKED].sort())
  expect(items.find(({ path }) => path === box.path('src'))?.bytes).toBeUndefined()
})

test('what lies beside a cache does not go with it', async () => {
  await using box = await fullBox()
  const beside = [
    'opencode/7.8.8/opencode-linux-x64/notes',
    '3.4.4/linux-x64/NOTES.md',
    `opencode/${VERSION}/opencode-linux-arm64/README.md`,
  ]
  for (const path of [...THEIRS, ...beside]) await box.put(path, 'dear')
  await box.put(`opencode/${VERSION}/opencode-linux-arm64/.tmp-abc/opencode`, 'half')
  const items = await box.list()

  expect(await isCache(box.dir, items)).toBe(true)
  for (const { item, remove } of planGc(items, { all: true, inUse: NOBODY }))
    if (remove) await removeItem(box.dir, item, undefined)

  const kept = [`opencode/${VERSION}/opencode-linux-x64/opencode`, `opencode/${VERSION}/opencode-darwin-arm64/opencode`]
  const own = ['openwork', 'listed.json'].map(name => `${OPENWORK}/linux-x64/${name}`)
  expect(await box.files()).toEqual([...THEIRS, ...beside, ...kept, ...own].sort())
})

test('the version to go back to is one of ours, whatever stands under the name of a newer one', async () => {
  await using box = await fullBox()
  await box.put('3.4.9/linux-x64/openwork', 'of somebody')
  expect(await goes(box)).toEqual([...OLD, ...BROKEN].sort())
})

describe('removing', () => {
  test('removing an item takes the folders away that are empty then, and nothing else', async () => {
    await using box = await fullBox()
    const [newest] = await box.list()
    if (newest === undefined) throw new Error('there is nothing')

    expect(await removeItem(box.dir, newest, undefined)).toBe(true)

    expect(newest.path).toContain('7.10.0')
    expect(await exists(box.path('opencode', '7.10.0'))).toBe(false)
    expect(await exists(box.path('opencode', '7.8.8'))).toBe(true)
  })

  test('an item that another process has begun to write is left alone', async () => {
    await using box = await cacheBox()
    await box.put(`opencode/${VERSION}/opencode-linux-x64/.tmp-abc/opencode`, 'half')
    const [item] = await box.list()
    if (item === undefined) throw new Error('there is nothing')

    await withFileLock(dirname(box.cached()), { onWait: () => {}, signal: undefined }, async () => {
      expect(await removeItem(box.dir, item, undefined)).toBe(false)
    })

    expect(await exists(item.path)).toBe(true)
    expect(await removeItem(box.dir, item, undefined)).toBe(true)
    expect(await box.files()).toEqual([])
  })

  test('removing the lock that a kill left leaves no lock behind', async () => {
    await using box = await cacheBox()
    const lock = box.path('opencode', VERSION, 'opencode-linux-x64.lock')
    await mkdir(lock, { recursive: true })
    await utimes(lock, new Date(0), new Date(0))
    const [item] = await box.list()
    expect(item?.state).toBe('partial')
    if (item === undefined) throw new Error('there is nothing')

    expect(await removeItem(box.dir, item, undefined)).toBe(true)

    expect(await exists(box.path('opencode'))).toBe(false)
  })

  test('removing a link in the place of a build leaves what it leads to', async () => {
    await using box = await cacheBox()
    const outside = join(box.folder, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'dear'), 'x')
    await mkdir(dirname(box.cached()), { recursive: true })
    await symlink(outside, box.cached())
    const [item] = await box.list()
    if (item === undefined) throw new Error('there is nothing')

    expect(await removeItem(box.dir, item, undefined)).toBe(true)

    expect(await exists(box.path('opencode'))).toBe(false)
    expect(await exists(join(outside, 'dear'))).toBe(true)
  })
})
