import { describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { createTar } from 'nanotar'
import { type Extraction, extractArchiveEntry } from '../../../src/sidecars/archive/extract-entry.ts'
import { failure } from '../kit.ts'
import { makeZip } from './make-zip.ts'

const PATH = 'package/bin/opencode'
const CONTENT = new Uint8Array(Uint32Array.from({ length: 150_000 }, (_, at) => Math.imul(at, 2_654_435_761)).buffer)
const tar = (content: Uint8Array) => createTar([{ name: PATH, data: content }])

type Case = [archive: Extraction['archive'], whole: Uint8Array]

const CASES: Case[] = [
  ['tar.gz', gzipSync(tar(CONTENT))],
  ['tgz', gzipSync(tar(CONTENT))],
  ['zip', zipSync({ [PATH]: CONTENT })],
]

async function extract(archive: Extraction['archive'], whole: Uint8Array, changes: Partial<Extraction> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-archive-'))
  try {
    const path = join(folder, 'archive')
    await writeFile(path, whole)
    const parts: Uint8Array[] = []
    const write = (part: Uint8Array) => parts.push(part.slice())
    await extractArchiveEntry(path, { archive, entry: PATH, maxBytes: 1_000_000, write, ...changes })
    return new Uint8Array(Buffer.concat(parts))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

describe.each(CASES)('from a %s', (archive, whole) => {
  test('a file comes out whole, by its path or its name', async () => {
    expect(await extract(archive, whole)).toEqual(CONTENT)
    expect(await extract(archive, whole, { entry: { named: 'opencode' } })).toEqual(CONTENT)
  })

  test('a damaged byte is noticed', async () => {
    const at = Math.floor(whole.length / 3)
    const error = await failure(extract(archive, whole.with(at, (whole[at] ?? 0) ^ 0xff)))
    expect(error.code).toBe('sidecar_archive_invalid')
    expect(error.message).toContain('damaged')
  })

  test('a missing end is noticed', async () => {
    const error = await failure(extract(archive, whole.subarray(0, -100)))
    expect(error.code).toBe('sidecar_archive_invalid')
  })

  test('no more is unpacked than allowed', async () => {
    const error = await failure(extract(archive, whole, { maxBytes: 100_000 }))
    expect(error.code).toBe('sidecar_archive_invalid')
    expect(error.message).toContain('600000 bytes, at most 100000 are allowed')
  })

  test('an interruption ends it', async () => {
    const reason = new Error('stop')
    const interrupted = new AbortController()
    const write = () => interrupted.abort(reason)
    await expect(extract(archive, whole, { signal: interrupted.signal, write })).rejects.toBe(reason)
  })

  test('a failure to write comes through', async () => {
    const full = new Error('the disk is full')
    const write = () => Promise.reject(full)
    await expect(extract(archive, whole, { write })).rejects.toBe(full)
  })
})

describe('a bomb', () => {
  const ZEROS = new Uint8Array(64 * 1024 * 1024)

  test('in a tar.gz is cut off at the limit, beside the wanted file too', async () => {
    const bomb = gzipSync(Buffer.concat([tar(CONTENT).subarray(0, -1024), createTar([{ name: 'zeros', data: ZEROS }])]))
    expect(bomb.length).toBeLessThan(1_000_000)
    expect((await failure(extract('tar.gz', bomb))).message).toContain('unpacks to more than')
  })

  test('in a zip is cut off at the size that it says it has', async () => {
    const bomb = makeZip([{ path: PATH, content: ZEROS, bytes: 1_000_000 }])
    let bytes = 0
    const write = (part: Uint8Array) => {
      bytes += part.length
    }
    const error = await failure(extract('zip', bomb, { write }))
    expect(error.message).toContain('unpacks to more than the 1000000 bytes')
    expect(bytes).toBeLessThanOrEqual(1_000_000)
  })
})
