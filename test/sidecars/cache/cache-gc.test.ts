import { describe, expect, test } from 'bun:test'
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { withFileLock } from '../../../src/shared/file-lock.ts'
import { planGc, removeItem } from '../../../src/sidecars/cache/cache-gc.ts'
import { VERSION } from '../kit.ts'
import { cacheBox, exists, OPENWORK } from './cache-kit.ts'

type Box = Awaited<ReturnType<typeof cacheBox>>

const NOBODY = { paths: new Set<string>(), silent: [] }

/** Paths that would go. */
const goes = async (box: Box, { all = false, inUse = NOBODY as Parameters<typeof planGc>[1]['inUse'] } = {}) =>
  planGc(await box.list(), { all, inUse })
    .filter(({ remove }) => remove)
    .map(({ item }) => item.path.slice(box.dir.length + 1))
    .sort()

/** A cache in which there is one of everything. */
async function fullBox() {
  const box = await cacheBox()
  await box.putBuild()
  await box.putBuild('opencode-darwin-arm64')
  for (const version of ['7.8.7', '7.8.8', '7.10.0'])
    await box.put(`opencode/${version}/opencode-linux-x64/opencode`, version)
  await box.put(`opencode/${VERSION}/opencode-windows-x64/opencode`, 'damaged')
  for (const version of ['3.4.3', '3.4.4', OPENWORK]) await box.put(`${version}/linux-x64/openwork`, version)
  await box.put('downloads/x.part', 'x')
  await box.put('stranger/file', 'x')
  return box
}

const OLD = [
  '3.4.3/linux-x64/openwork',
  'opencode/7.8.7/opencode-linux-x64/opencode',
  'opencode/7.8.8/opencode-linux-x64/opencode',
]
const BROKEN = ['downloads/x.part', `opencode/${VERSION}/opencode-windows-x64/opencode`]
const SPARED = ['3.4.4/linux-x64/openwork', 'opencode/7.10.0/opencode-linux-x64/opencode', 'stranger']

describe('what goes', () => {
  test('is all that this version does not need, but for the newest other one, which an upgrade may go back to', async () => {
    await using box = await fullBox()
    expect(await goes(box)).toEqual([...OLD, ...BROKEN].sort())
  })

  test('is that one too, and what nobody knows, with --all', async () => {
    await using box = await fullBox()
    expect(await goes(box, { all: true })).toEqual([...OLD, ...BROKEN, ...SPARED].sort())
  })

  test('is never what a running host uses', async () => {
    await using box = await fullBox()
    const used = 'opencode/7.8.7/opencode-linux-x64/opencode'
    const inUse = { paths: new Set([box.path(used)]), silent: [] }
    expect(await goes(box, { all: true, inUse })).not.toContain(used)
    expect(await goes(box, { all: true, inUse })).toHaveLength(OLD.length + BROKEN.length + SPARED.length - 1)
  })

  test('is no old build at all while a running host does not say what it uses', async () => {
    await using box = await fullBox()
    expect(await goes(box, { all: true, inUse: { paths: new Set(), silent: ['/work'] } })).toEqual(
      [...BROKEN, 'stranger'].sort(),
    )
  })
})

describe('removing', () => {
  test('takes the folders away that are empty then, and nothing else', async () => {
    await using box = await fullBox()
    const [newest] = await box.list()
    if (newest === undefined) throw new Error('there is nothing')

    expect(await removeItem(box.dir, newest, undefined)).toBe(true)

    expect(newest.path).toContain('7.10.0')
    expect(await exists(box.path('opencode', '7.10.0'))).toBe(false)
    expect(await exists(box.path('opencode', '7.8.8'))).toBe(true)
  })

  test('of what another process has begun to write is left alone', async () => {
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

  test('of the lock that a kill left leaves no lock behind', async () => {
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

  test('of a link takes the link, and leaves what it leads to', async () => {
    await using box = await cacheBox()
    const outside = join(box.folder, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'dear'), 'x')
    await mkdir(box.dir)
    await symlink(outside, box.path('opencode'))
    const [item] = await box.list()
    if (item === undefined) throw new Error('there is nothing')

    await removeItem(box.dir, item, undefined)

    expect(await exists(box.path('opencode'))).toBe(false)
    expect(await exists(join(outside, 'dear'))).toBe(true)
  })
})
