import { expect, test } from 'bun:test'
import { chmod, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { Verifier } from '../../../src/sidecars/verify/verify.ts'
import { sha256, sidecarBox } from '../kit.ts'

const CONTENT = 'the right content'
const pin = { file: 'opencode', sha256: sha256(CONTENT), size: CONTENT.length }
const good = { kind: 'good' } as const

/** Replaces the remembered hashes, so that an answer shows whether they were believed. */
const forge = async (store: string, fact = sha256('forged')): Promise<void> => {
  const entries = Object.entries(JSON.parse(await readFile(store, 'utf8')) as Record<string, object>)
  await writeFile(store, JSON.stringify(Object.fromEntries(entries.map(([path, entry]) => [path, { ...entry, fact }]))))
}

test('a file with the pinned content is good, and anything else is explained', async () => {
  await using box = await sidecarBox()
  const verifier = new Verifier(box.path('sidecars'))
  const verify = (path: string) => verifier.verify(path, [pin])

  expect(await verify(await box.write('right', CONTENT))).toEqual(good)
  expect(await verify(box.path('absent'))).toEqual({ kind: 'missing' })
  expect(await verify(box.path('right', 'below'))).toEqual({ kind: 'missing' })
  expect(await verify(box.path())).toEqual({ kind: 'different', problem: 'is not a file' })
  expect(await verify(await box.write('longer', `${CONTENT}!`))).toEqual({
    kind: 'different',
    problem: 'has 18 bytes, expected 17',
  })
  expect(await verify(await box.write('other', 'the wrong content'))).toEqual({
    kind: 'different',
    problem: `has SHA-256 ${sha256('the wrong content')}, expected ${pin.sha256}`,
  })
})

test('a file that did not change is not read again', async () => {
  await using box = await sidecarBox()
  const file = await box.write('file', CONTENT)
  await new Verifier(box.path('sidecars')).verify(file, [pin])
  const store = box.path('sidecars', 'verified.json')
  expect((await stat(store)).mode & 0o777).toBe(0o600)

  await forge(store)

  expect((await new Verifier(box.path('sidecars')).verify(file, [pin])).kind).toBe('different')
})

test('a change that keeps size and modification time is noticed', async () => {
  await using box = await sidecarBox()
  const file = await box.write('file', CONTENT)
  const verifier = new Verifier(box.path('sidecars'))
  const { atime, mtime } = await stat(file)
  expect(await verifier.verify(file, [pin])).toEqual(good)

  await writeFile(file, 'the wrong content')
  await utimes(file, atime, mtime)

  expect((await verifier.verify(file, [pin])).kind).toBe('different')
})

test.each([
  ['that others may write', (store: string) => chmod(store, 0o666)],
  ['that is damaged', (store: string) => writeFile(store, '{"x":')],
  ['of another shape', (store: string) => writeFile(store, '{"a":1,"b":{"fingerprint":2},"c":null}')],
  ['that is no object', (store: string) => writeFile(store, 'null')],
  ['that is far too large', (store: string) => writeFile(store, ' '.repeat(1_000_000))],
])('a memory %s is not believed', async (_, spoil) => {
  await using box = await sidecarBox()
  const file = await box.write('file', CONTENT)
  const store = box.path('sidecars', 'verified.json')
  await new Verifier(box.path('sidecars')).verify(file, [pin])
  await forge(store)

  await spoil(store)

  expect(await new Verifier(box.path('sidecars')).verify(file, [pin])).toEqual(good)
})

test('a memory that is a link to elsewhere is not believed', async () => {
  await using box = await sidecarBox()
  const file = await box.write('file', CONTENT)
  await new Verifier(box.path('elsewhere')).verify(file, [pin])
  await forge(box.path('elsewhere', 'verified.json'))
  await box.write('sidecars/other', '')
  await symlink(box.path('elsewhere', 'verified.json'), box.path('sidecars', 'verified.json'))

  expect(await new Verifier(box.path('sidecars')).verify(file, [pin])).toEqual(good)
})

test('a folder that cannot hold the memory costs only time', async () => {
  await using box = await sidecarBox()
  const file = await box.write('file', CONTENT)
  await box.write('in-the-way', '')

  expect(await new Verifier(box.path('in-the-way')).verify(file, [pin])).toEqual(good)
})
