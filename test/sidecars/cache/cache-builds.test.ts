import { describe, expect, test } from 'bun:test'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildsNamed, findBuild } from '../../../src/sidecars/cache/cache-builds.ts'
import { Verifier } from '../../../src/sidecars/verify/verify.ts'
import { failure } from '../kit.ts'
import { cacheBox, NAME } from './cache-kit.ts'

type Box = Awaited<ReturnType<typeof cacheBox>>

describe('builds are named', () => {
  test('by their target or package, each counted once, in the order of the pins', async () => {
    await using box = await cacheBox()
    const named = buildsNamed(box.pins, ['windows-x64', 'opencode-linux-x64', 'linux-x64']).map(({ name }) => name)
    expect(named).toEqual(['opencode-linux-x64', 'opencode-windows-x64'])
    const all = Object.keys(box.pins.packages)
    expect(buildsNamed(box.pins, ['all', 'linux-x64']).map(({ name }) => name)).toEqual(all)
  })

  test.each([
    [['linux-x64', 'plan9-x64', 'toString'], 'for plan9-x64, toString'],
    [[], 'No target is named'],
  ])('or %p is refused with the ones there are', async (names, message) => {
    await using box = await cacheBox()
    const error = await failure((async () => buildsNamed(box.pins, names))())
    expect([error.code, error.message]).toEqual(['invalid_value', expect.stringContaining(message)])
    expect(error.hint).toContain('all, or one of: linux-x64, ')
  })
})

/** What a start would take of these builds. */
const find = (box: Box, names: readonly string[]) =>
  findBuild(
    names.map(name => box.wanted(name)),
    {
      pins: box.pins,
      sidecarDir: box.dir,
      executablePath: join(box.folder, 'app', 'openwork'),
      verifier: new Verifier(box.dir),
      env: {},
      signal: undefined,
    },
  )

test('the build that came with openwork is taken before one of the cache, and no damaged one ever', async () => {
  await using box = await cacheBox()
  const other = 'opencode-linux-x64-baseline'
  expect(await find(box, [NAME, other])).toBeUndefined()

  await writeFile(await box.putBuild(NAME), 'damaged')
  await box.putBuild(other)
  expect(await find(box, [NAME, other])).toMatchObject({ path: box.cached(other), source: 'downloaded' })

  const bundled = join(box.folder, 'app', 'opencode')
  await mkdir(join(box.folder, 'app'))
  await writeFile(bundled, box.content)
  await chmod(bundled, 0o755)
  expect(await find(box, [NAME, other])).toMatchObject({ path: bundled, source: 'bundled' })
})
