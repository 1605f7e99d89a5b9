import { describe, expect, test } from 'bun:test'
import { chmod, chown, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Verifier } from '../../../src/sidecars/verify/verify.ts'
import { testUnless } from '../../e2e/harness.ts'
import { cacheBox } from '../cache/cache-kit.ts'
import { failure, packed, sidecarBox, VERSION } from '../kit.ts'

const NOBODY = 65_534
const USERS = 100
const withOwnGroup = testUnless(
  process.getuid?.() === process.getegid?.() ? undefined : 'the primary group of this user is one of many users',
)
const asRoot = testUnless(process.getuid?.() === 0 ? undefined : 'only root may give files away')

/** A build in the cache, and the folders on its way, the sidecar folder first. */
async function filledCache() {
  const box = await cacheBox()
  const build = await box.putBuild()
  const folders = [box.dir, box.path('opencode'), box.path('opencode', VERSION), dirname(build)]
  for (const folder of folders) await chmod(folder, 0o755)
  return {
    dir: box.dir,
    build,
    folders,
    verify: () => new Verifier(box.dir).verify(build, [box.wanted().pin]),
    [Symbol.asyncDispose]: box[Symbol.asyncDispose],
  }
}

const WHICH = ['the sidecar folder', 'the folder of all builds', 'the folder of a version', 'the folder of a build']

describe.each(WHICH.map((which, at) => ({ which, at })))('$which', ({ at }) => {
  test('must not be one that everybody may write', async () => {
    await using cache = await filledCache()
    expect((await cache.verify()).kind).toBe('good')
    const folder = cache.folders[at] ?? ''
    await chmod(folder, 0o777)
    const error = await failure(cache.verify())
    expect(error.code).toBe('sidecar_dir_unusable')
    expect(error.message).toStartWith(`${folder} cannot hold sidecars: it may be written by every user`)
    expect(error.hint).toContain(`chmod -R go-w ${folder}. Or name another folder with --sidecar-dir`)
  })

  asRoot('must not be somebody else’s', async () => {
    await using cache = await filledCache()
    const folder = cache.folders[at] ?? ''
    await chown(folder, NOBODY, 0)
    const error = await failure(cache.verify())
    expect(error.message).toStartWith(`${folder} cannot hold sidecars: it belongs to the user ${NOBODY}`)
    expect(error.hint).toContain(`chown -R 0 ${folder}`)
  })

  asRoot('must not be one that another group may write', async () => {
    await using cache = await filledCache()
    const folder = cache.folders[at] ?? ''
    await chmod(folder, 0o775)
    await chown(folder, 0, NOBODY)
    expect((await failure(cache.verify())).message).toContain(`may be written by the group ${NOBODY}`)
  })

  asRoot('must not be one that the primary group may write when that is one of many users', async () => {
    await using cache = await filledCache()
    const folder = cache.folders[at] ?? ''
    await chown(folder, 0, USERS)
    await chmod(folder, 0o775)
    const own = process.getegid?.() ?? 0
    process.setegid?.(USERS)
    try {
      const error = await failure(cache.verify())
      expect(error.message).toContain(`${folder} cannot hold sidecars: it may be written by the group ${USERS}`)
      expect(error.hint).toContain(`chmod -R go-w ${folder}`)
    } finally {
      process.setegid?.(own)
    }
  })

  withOwnGroup('may be one that the user’s own group may write, as umask 002 makes them', async () => {
    await using cache = await filledCache()
    await chmod(cache.folders[at] ?? '', 0o775)
    expect((await cache.verify()).kind).toBe('good')
  })

  test('may be sticky, as /tmp is', async () => {
    await using cache = await filledCache()
    await chmod(cache.folders[at] ?? '', 0o1777)
    expect((await cache.verify()).kind).toBe('good')
  })
})

test('a build that others may write is fetched anew', async () => {
  await using box = await sidecarBox()
  await box.npm({ does: 'deliver', archive: await box.write('made/package.tgz', packed(box.content)) })
  const { path } = await box.find({ source: 'downloaded' })
  await chmod(path, 0o777)
  const found = await box.find({ source: 'downloaded' })
  expect(found.path).toBe(path)
  expect(found.warnings.join()).toContain(`${path} may be written by every user: not used`)
  expect((await stat(path)).mode & 0o777).toBe(0o755)
  expect(await readFile(path, 'utf8')).toBe(box.content)
})

test('nothing is fetched into a folder that everybody may write', async () => {
  await using box = await sidecarBox()
  await mkdir(box.path('sidecars'))
  await chmod(box.path('sidecars'), 0o777)
  const error = await failure(box.find({ source: 'downloaded' }))
  expect(error.code).toBe('sidecar_dir_unusable')
  expect(error.hint).toContain('chmod -R go-w')
  expect(box.mirror.requests).toHaveLength(0)
})
