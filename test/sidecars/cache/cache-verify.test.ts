import { expect, test } from 'bun:test'
import { stat, utimes, writeFile } from 'node:fs/promises'
import { verifyCache } from '../../../src/sidecars/cache/cache-verify.ts'
import { keepListedEntry } from '../../../src/sidecars/release/listed-entry.ts'
import { Verifier } from '../../../src/sidecars/verify/verify.ts'
import { failure, sha256 } from '../kit.ts'
import { cacheBox, exists, NAME } from './cache-kit.ts'

type Box = Awaited<ReturnType<typeof cacheBox>>

const verify = (box: Box, { fix = false, signal = new AbortController().signal } = {}) =>
  verifyCache(box.dir, box.made, { fix, signal, onProgress: () => {} })

/** Other bytes of the same length. */
const other = (box: Box): string => box.content.replace('echo', 'eval')

test('builds that are right are read to their end', async () => {
  await using box = await cacheBox()
  await box.putBuild()
  await box.putBuild('opencode-darwin-arm64')
  const steps: [number, number][] = []

  const checked = await verifyCache(box.dir, box.made, {
    fix: true,
    signal: new AbortController().signal,
    onProgress: (_, done, total) => steps.push([done, total]),
  })

  expect(checked.map(({ target, problem, removed }) => [target, problem, removed])).toEqual([
    ['darwin-arm64', undefined, false],
    ['linux-x64', undefined, false],
  ])
  expect(steps.at(-1)).toEqual([2 * box.content.length, 2 * box.content.length])
})

test('a changed build is found, removed only with --fix, and others are left', async () => {
  await using box = await cacheBox()
  const changed = await box.putBuild()
  const right = await box.putBuild('opencode-darwin-arm64')
  await writeFile(changed, other(box))

  const [, found] = await verify(box)
  expect(found?.problem).toMatch(/^has SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}$/)
  expect(await exists(changed)).toBe(true)

  expect((await verify(box, { fix: true })).map(({ removed }) => removed)).toEqual([false, true])
  expect([await exists(changed), await exists(right)]).toEqual([false, true])
})

test('what was remembered of a build counts for nothing, and is forgotten when it was wrong', async () => {
  await using box = await cacheBox()
  const path = await box.putBuild()
  await writeFile(path, other(box))
  // As if the disk had lost bits since: the memory says that this very file is right.
  await new Verifier(box.dir).remember(path, box.wanted(NAME).pin)
  expect(await new Verifier(box.dir).verify(path, [box.wanted().pin])).toEqual({ kind: 'good' })

  const [found] = await verify(box)

  expect(found?.problem).toContain('SHA-256')
  expect(await new Verifier(box.dir).verify(path, [box.wanted().pin])).toMatchObject({ kind: 'different' })
})

test('a build of the wrong size and one that is a folder are wrong without being read', async () => {
  await using box = await cacheBox()
  await box.put(`opencode/${box.pins.version}/opencode-linux-x64/opencode`, 'x')
  await box.put(`opencode/${box.pins.version}/opencode-darwin-arm64/opencode/x`, 'x')

  expect((await verify(box)).map(({ problem }) => problem)).toEqual([
    'is not a file',
    `has 1 bytes, expected ${box.content.length}`,
  ])
})

test('our own executable is compared with what the manifest said, and known not to be checked without that', async () => {
  await using box = await cacheBox()
  const content = 'ourselves'
  const entry = { sha256: sha256(content), size: content.length, url: 'https://x/openwork', manifestUrl: 'https://x/m' }
  const of = (version: string): string => `${version}/linux-x64/openwork`
  for (const version of ['3.4.3', '3.4.4', '3.4.5']) await box.put(of(version), content)
  for (const version of ['3.4.4', '3.4.5']) await keepListedEntry(box.path(of(version)), { version, ...entry })
  await writeFile(box.path(of('3.4.4')), 'yourselve')

  const checked = await verify(box, { fix: true })

  expect(checked.map(({ kind, version, state, sha256 }) => [kind, version, state, sha256])).toEqual([
    ['openwork', '3.4.5', 'verified', entry.sha256],
    ['openwork', '3.4.4', 'damaged', entry.sha256],
    ['openwork', '3.4.3', 'unverified', undefined],
  ])
  expect(await exists(box.path('3.4.4'))).toBe(false)
  expect(await exists(box.path(of('3.4.3')))).toBe(true)
})

test('an interrupted check ends at once and changes nothing', async () => {
  await using box = await cacheBox()
  const path = await box.putBuild()
  const before = await stat(path)
  await utimes(path, before.atime, before.mtime)
  const stopped = new AbortController()
  stopped.abort(new Error('stop'))

  const outcome = await verify(box, { fix: true, signal: stopped.signal }).catch((error: unknown) => error)

  expect(outcome).toBe(stopped.signal.reason)
  expect(await exists(path)).toBe(true)
})

test('a cache that may not be used is named', async () => {
  await using box = await cacheBox()
  await writeFile(box.dir, 'x')
  expect((await failure(verify(box))).code).toBe('sidecar_dir_unusable')
})
