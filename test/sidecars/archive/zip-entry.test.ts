import { describe, expect, test } from 'bun:test'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Zippable, zipSync } from 'fflate'
import type { WantedEntry } from '../../../src/sidecars/archive/entry.ts'
import { extractZipEntry } from '../../../src/sidecars/archive/zip-entry.ts'
import { failure } from '../kit.ts'
import { makeZip, type ZipFile } from './make-zip.ts'

const PATH = 'opencode-linux-x64/opencode'
const CONTENT = new Uint8Array(Uint32Array.from({ length: 150_000 }, (_, at) => Math.imul(at, 2_654_435_761)).buffer)
const WANTED: ZipFile = { path: PATH, content: CONTENT }

async function extract(zip: Uint8Array, entry: WantedEntry = PATH, maxBytes = 1_000_000): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-zip-'))
  try {
    await writeFile(join(folder, 'a.zip'), zip)
    await using archive = await open(join(folder, 'a.zip'), 'r')
    const parts: Uint8Array[] = []
    const write = (part: Uint8Array) => parts.push(part.slice())
    const size = await extractZipEntry(archive, { entry, maxBytes, write, signal: undefined })
    const content = Buffer.concat(parts)
    expect(content).toHaveLength(size)
    return new Uint8Array(content)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const zipped = (files: Zippable): Uint8Array => zipSync(files)

describe('a file comes out whole', () => {
  test.each<[string, Uint8Array]>([
    ['as fflate packs it', zipped({ 'README.md': new Uint8Array(10), [PATH]: CONTENT })],
    ['stored as it is', zipped({ [PATH]: [CONTENT, { level: 0 }] })],
    ['packed as well as it goes', zipped({ [PATH]: [CONTENT, { level: 9 }] })],
    ['with its sizes behind it', makeZip([{ path: 'a' }, { ...WANTED, described: true }])],
    ['stored with its sizes behind it', makeZip([{ ...WANTED, stored: true, described: true }, { path: 'z' }])],
    [
      'with zip64 fields',
      makeZip(
        [
          { path: 'a', large: true },
          { ...WANTED, large: true },
        ],
        { large: true },
      ),
    ],
    ['after other bytes that belong to nothing', makeZip([WANTED], { prefix: 1_000 })],
    ['before a comment', makeZip([WANTED], { comment: 'PK\x05\x06 a comment' })],
    ['between folders', makeZip([{ path: 'opencode-linux-x64/', mode: 0o040_755 }, WANTED])],
    ['from an archive made on Windows', makeZip([{ ...WANTED, mode: 0 }])],
  ])('%s', async (_, zip) => {
    expect(await extract(zip)).toEqual(CONTENT)
  })

  test('an empty file comes out empty', async () => {
    expect(await extract(makeZip([{ path: PATH }]))).toEqual(new Uint8Array())
  })

  test('a file comes out of whatever folder it is in when only its name is known', async () => {
    const zip = makeZip([{ path: 'opencode/' }, { path: 'bin/not-opencode' }, WANTED, { path: 'other/opencode' }])
    expect(await extract(zip, { named: 'opencode' })).toEqual(CONTENT)
  })
})

describe('an archive is refused', () => {
  const good = makeZip([WANTED])
  const damaged = good.with(30 + PATH.length + 100, (good[30 + PATH.length + 100] ?? 0) ^ 0xff)

  test.each<[string, Uint8Array, string]>([
    ['with a path that leads out', makeZip([WANTED, { path: 'a/../../evil' }]), 'leads out of its folder'],
    ['with an absolute path', makeZip([WANTED, { path: '/etc/cron.d/evil' }]), 'absolute or foreign path'],
    ['with a drive letter', makeZip([WANTED, { path: 'C:evil' }]), 'absolute or foreign path'],
    ['with backslashes', makeZip([WANTED, { path: '..\\evil', mode: 0 }]), 'absolute or foreign path'],
    ['with a symbolic link', makeZip([{ ...WANTED, mode: 0o120_777 }]), 'neither a file nor a folder'],
    ['with a device', makeZip([WANTED, { path: 'x', mode: 0o020_666 }]), 'neither a file nor a folder'],
    ['with a pipe', makeZip([WANTED, { path: 'x', mode: 0o010_666 }]), 'neither a file nor a folder'],
    ['that is encrypted', makeZip([{ ...WANTED, flags: 1 }]), 'encrypted'],
    ['that holds the file twice', makeZip([WANTED, WANTED]), 'twice'],
    ['without the file', makeZip([{ path: `${PATH}.txt` }]), 'does not hold'],
    ['without any file', makeZip([]), 'does not hold'],
    ['that is empty', new Uint8Array(), 'is not a zip'],
    ['that is no zip', new Uint8Array(100_000).fill(0x41), 'is not a zip'],
    ['whose end is missing', good.subarray(0, -30), 'is not a zip'],
    ['whose beginning is missing', good.subarray(100), 'outside of it'],
    ['packed in a way that is not deflate', makeZip([{ ...WANTED, method: 14 }]), 'method 14'],
    ['with a file that is too large', makeZip([{ path: PATH, content: new Uint8Array(1_000_001) }]), 'at most 1000000'],
    ['with a bomb that says it is small', makeZip([{ ...WANTED, bytes: 10 }]), 'more than the 10 bytes it says it has'],
    ['with a file that is shorter than it says', makeZip([{ ...WANTED, bytes: 700_000 }]), 'where it says 700000'],
    ['with another checksum', makeZip([{ ...WANTED, crc: 1 }]), 'checksum'],
    ['with a file that goes on past the files', makeZip([{ ...WANTED, packedBytes: 10 ** 6 }]), 'cut short'],
    ['whose two lists differ', makeZip([{ ...WANTED, localPath: PATH.replace('x64', 'x86') }]), 'names other files'],
    ['with a directory that is too large', good.with(-7, 0xff), 'has a directory of'],
    ['with a directory in the wrong place', good.with(-6, (good.at(-6) ?? 0) - 1), 'has a damaged directory'],
    ['with damaged zip64 numbers', makeZip([{ ...WANTED, packedBytes: 0xffff_ffff }]), 'damaged'],
  ])('%s', async (_, zip, problem) => {
    const error = await failure(extract(zip))
    expect(error.code).toBe('sidecar_archive_invalid')
    expect(error.message).toContain(problem)
  })

  test('an archive with content that cannot be unpacked is refused', async () => {
    await expect(extract(damaged)).rejects.toThrow()
  })
})
