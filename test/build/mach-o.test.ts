// The signatures of our macOS executables, which are made where nothing can run them.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileExecutable } from '../../build/executable.ts'
import { dropStaleSignature } from '../../build/mach-o.ts'
import { fetchRuntime } from '../../build/runtime.ts'
import { RUNTIMES, whyNoRuntimes } from '../fixtures/runtimes.ts'

const PROGRAM = join(import.meta.dir, '..', 'fixtures', 'compiled', 'program.ts')
const missing = await whyNoRuntimes(['bun-darwin-arm64', 'bun-darwin-x64'])
const CODE_DIRECTORY = 0xfade0c02
const AD_HOC = 0x2

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-mach-o-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

async function compileFor(target: 'bun-darwin-x64' | 'bun-darwin-arm64'): Promise<Buffer> {
  const runtime = await fetchRuntime(target, RUNTIMES)
  const outfile = join(folder, target)
  await compileExecutable({ entry: PROGRAM, outfile, cross: { target, runtime } })
  return readFile(outfile)
}

/** Where things are in the file, by the load commands of its header. */
function layout(image: Buffer) {
  const segments = new Map<string, { start: number; end: number }>()
  let signature: { start: number; end: number } | undefined
  let at = 32
  for (let left = image.readUInt32LE(16); left > 0; left -= 1) {
    const kind = image.readUInt32LE(at)
    if (kind === 0x19) {
      const start = Number(image.readBigUInt64LE(at + 40))
      const name = image.toString('latin1', at + 8, at + 24).replace(/\0+$/, '')
      segments.set(name, { start, end: start + Number(image.readBigUInt64LE(at + 48)) })
    }
    if (kind === 0x1d) {
      const start = image.readUInt32LE(at + 8)
      signature = { start, end: start + image.readUInt32LE(at + 12) }
    }
    at += image.readUInt32LE(at + 4)
  }
  expect(at).toBe(32 + image.readUInt32LE(20))
  return { segments, signature }
}

/** The pages of the file whose hash in the signature is another one. */
function readCodeDirectory(image: Buffer, start: number) {
  const blobs = image.readUInt32BE(start + 8)
  const offsets = [...Array(blobs).keys()].map(index => start + image.readUInt32BE(start + 16 + index * 8))
  const at = offsets.find(offset => image.readUInt32BE(offset) === CODE_DIRECTORY) ?? 0
  const [flags, hashOffset] = [image.readUInt32BE(at + 12), image.readUInt32BE(at + 16)]
  const [pages, limit] = [image.readUInt32BE(at + 28), image.readUInt32BE(at + 32)]
  const pageBytes = 2 ** image.readUInt8(at + 39)
  const wrongPages = [...Array(pages).keys()].filter(page => {
    const bytes = image.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, limit))
    const expected = image.subarray(at + hashOffset + page * 32, at + hashOffset + (page + 1) * 32)
    return !createHash('sha256').update(bytes).digest().equals(expected)
  })
  return { flags, limit, wrongPages: wrongPages.length }
}

describe.skipIf(missing !== undefined)(`a macOS executable${missing ? ` (${missing})` : ''}`, () => {
  test('for arm64 has an ad-hoc signature that fits, without which it would not start', async () => {
    const image = await compileFor('bun-darwin-arm64')
    const { signature } = layout(image)

    expect(signature?.end).toBe(image.length)
    const { flags, limit, wrongPages } = readCodeDirectory(image, signature?.start ?? 0)
    expect({ adHoc: (flags & AD_HOC) !== 0, limit, wrongPages }).toEqual({
      adHoc: true,
      limit: signature?.start ?? 0,
      wrongPages: 0,
    })
  }, 60_000)

  test('for x64 has none, rather than that of Bun, which does not fit', async () => {
    const image = await compileFor('bun-darwin-x64')
    const { segments, signature } = layout(image)

    expect(signature).toBeUndefined()
    expect(Math.max(...[...segments.values()].map(({ end }) => end))).toBe(image.length)
    expect(segments.get('__LINKEDIT')?.end).toBe(image.length)
    expect(image.includes('an internal error of the fixture')).toBe(true) // our program is still inside
  }, 60_000)
})

test.each([import.meta.path, '/dev/null'])('%s, which is no macOS executable, stays as it is', async path => {
  const copy = join(folder, 'other')
  const before = await readFile(path)
  await writeFile(copy, before)

  await dropStaleSignature(copy)

  expect(before.equals(await readFile(copy))).toBe(true)
})
