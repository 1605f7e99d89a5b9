import { describe, expect, test } from 'bun:test'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildsNamed, findForMachine } from '../../../src/sidecars/cache/cache-builds.ts'
import { ensureOpencode } from '../../../src/sidecars/find/ensure-opencode.ts'
import { findCached } from '../../../src/sidecars/find/opencode-builds.ts'
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

const places = (box: Box, env: Record<string, string> = {}) => ({
  pins: box.pins,
  sidecarDir: box.dir,
  executablePath: join(box.folder, 'app', 'openwork'),
  verifier: new Verifier(box.dir),
  env,
  signal: undefined,
})

/** What `openwork cache path opencode` says, and what a start runs. */
async function both(box: Box, env: Record<string, string>) {
  const { found } = await findForMachine(places(box, env))
  const request = { ...places(box, env), cwd: box.folder, source: 'auto', explicitBin: undefined } as const
  const started = found && (await ensureOpencode({ ...request, allowExternal: false }))
  return [found && [found.path, found.source], started && [started.path, started.source]]
}

test('what is found without a start is what a start runs: bundled before cached, and nothing damaged', async () => {
  await using box = await cacheBox()
  const env = { OPENWORK_OPENCODE_ASSET: NAME }
  expect(await both(box, env)).toEqual([undefined, undefined])

  const cached = await box.putBuild(NAME)
  expect(await both(box, env)).toEqual([
    [cached, 'downloaded'],
    [cached, 'downloaded'],
  ])

  const bundled = join(box.folder, 'app', 'opencode')
  await mkdir(join(box.folder, 'app'))
  await writeFile(bundled, box.content)
  await chmod(bundled, 0o755)
  expect(await both(box, env)).toEqual([
    [bundled, 'bundled'],
    [bundled, 'bundled'],
  ])

  await rm(bundled)
  await writeFile(cached, 'damaged')
  expect(await both(box, env)).toEqual([undefined, undefined])
})

test('a build that is the same as another need not be there under its own name', async () => {
  await using box = await cacheBox()
  const path = await box.putBuild('opencode-linux-x64-baseline')
  const wanted = box.wanted(NAME)
  expect((await findCached([wanted], places(box))).found).toEqual({ wanted, path })

  const other = { ...box.pins, packages: { ...box.pins.packages, [NAME]: { ...wanted.pin, sha256: '0'.repeat(64) } } }
  const changed = { ...wanted, pin: { ...wanted.pin, sha256: '0'.repeat(64) } }
  expect((await findCached([changed], { ...places(box), pins: other })).found).toBeUndefined()
})
