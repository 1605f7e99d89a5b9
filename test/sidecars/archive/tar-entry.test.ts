import { describe, expect, test } from 'bun:test'
import { createTar } from 'nanotar'
import { extractTarEntry } from '../../../src/sidecars/archive/tar-entry.ts'
import { failure } from '../kit.ts'

const ENTRY = 'package/bin/opencode'
const CONTENT = new Uint8Array(3_000).map((_, at) => at % 251)

const EMPTY: Uint8Array = new Uint8Array()

type Parts = { type: string; data: Uint8Array; link: string; size: number }

/** One entry with a header as any tar program writes it, also such as none should. */
function entry(name: string, { type = '0', data = EMPTY, link = '', size }: Partial<Parts> = {}): Uint8Array {
  const block = new Uint8Array(512 + Math.ceil(data.length / 512) * 512)
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at)
  put(name, 0)
  put('0000755\0', 100)
  put(`${(size ?? data.length).toString(8).padStart(11, '0')}\0`, 124)
  put('        ', 148)
  put(type, 156)
  put(link, 157)
  put('ustar\0', 257)
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  block.set(data, 512)
  return block
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const archive = (...entries: Uint8Array[]): Uint8Array => Buffer.concat([...entries, new Uint8Array(1024)])
const wanted = entry(ENTRY, { data: CONTENT })

async function* chunks(whole: Uint8Array, length: number) {
  for (let at = 0; at < whole.length; at += length) yield whole.subarray(at, at + length)
}

/** What comes out of the archive when it arrives in chunks of this length. */
async function extract(whole: Uint8Array, chunkLength = 700, maxBytes = 10_000): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const write = (part: Uint8Array) => parts.push(part.slice())
  const size = await extractTarEntry(chunks(whole, chunkLength), { entry: ENTRY, maxBytes, write })
  const content = Buffer.concat(parts)
  expect(content).toHaveLength(size)
  return new Uint8Array(content)
}

describe('a file comes out whole', () => {
  const plain = createTar([
    { name: 'package/package.json', data: '{}' },
    { name: ENTRY, data: CONTENT },
    { name: 'package/README.md', data: 'x'.repeat(1_000) },
  ])

  test.each([1, 7, 511, 512, 513, 100_000])('from chunks of %d bytes', async length => {
    expect(await extract(plain, length)).toEqual(CONTENT)
  })

  test('a file comes out whose name stands in an extended header of pax', async () => {
    const record = ` path=${ENTRY}\n`
    const header = entry('pax', { type: 'x', data: bytes(`${record.length + 2}${record}`) })
    expect(await extract(archive(header, entry('short', { data: CONTENT })))).toEqual(CONTENT)
  })

  test('a file comes out whose name stands in a long-name header of GNU tar', async () => {
    const header = entry('././@LongLink', { type: 'L', data: bytes(`${ENTRY}\0`) })
    expect(await extract(archive(header, entry('short', { data: CONTENT })))).toEqual(CONTENT)
  })

  test('a file comes out after a global header with a comment and the folders it lies in', async () => {
    const comment = entry('pax_global_header', { type: 'g', data: bytes('18 comment=abcdef\n') })
    const folders = [entry('package/', { type: '5' }), entry('package/bin/', { type: '5' })]
    expect(await extract(archive(comment, ...folders, wanted))).toEqual(CONTENT)
  })

  test('an empty file comes out empty', async () => {
    expect(await extract(archive(entry(ENTRY)))).toEqual(new Uint8Array())
  })
})

describe('an archive is refused', () => {
  const record = ' path=../../evil\n'
  const pax = entry('pax', { type: 'x', data: bytes(`${record.length + 2}${record}`) })

  test.each([
    ['with a path that leads out', archive(wanted, entry('package/../../evil')), 'leads out of its folder'],
    ['with such a path in an extended header', archive(wanted, pax, entry('fine')), 'leads out of its folder'],
    ['with an absolute path', archive(wanted, entry('/etc/cron.d/evil')), 'absolute or foreign path'],
    ['with a drive letter', archive(wanted, entry('C:evil')), 'absolute or foreign path'],
    ['with backslashes', archive(wanted, entry('..\\evil')), 'absolute or foreign path'],
    ['with a symbolic link', archive(entry(ENTRY, { type: '2', link: '/bin/sh' })), 'neither a file nor a folder'],
    ['with a hard link', archive(wanted, entry('package/x', { type: '1', link: '/bin/sh' })), 'neither a file'],
    ['with a device', archive(wanted, entry('package/x', { type: '3' })), 'neither a file nor a folder'],
    ['with a pipe', archive(wanted, entry('package/x', { type: '6' })), 'neither a file nor a folder'],
    ['that holds the file twice', archive(wanted, wanted), 'twice'],
    ['without the file', archive(entry('package/bin/opencode.txt')), 'does not hold'],
    ['that is empty', new Uint8Array(), 'does not hold'],
    ['cut short in a header', wanted.subarray(0, 300), 'cut short'],
    ['cut short in the file', wanted.subarray(0, 2_000), 'cut short'],
    ['that is no tar', new Uint8Array(1024).fill(0x41), 'damaged header'],
    ['with a header that does not add up', archive(wanted).fill(0x42, 0, 4), 'damaged header'],
    ['with a negative size', archive(entry(ENTRY, { size: -1 })), 'damaged header'],
    ['with a file that is too large', archive(entry(ENTRY, { data: new Uint8Array(10_001) })), 'at most 10000'],
    ['with a huge header', archive(entry('pax', { type: 'x', size: 2 ** 32 })), 'extended header of 4294967296'],
    ['with an extended header that lies', archive(entry('pax', { type: 'x', data: bytes('99 path=x\n') })), 'damaged'],
    ['with an extended header of zeros', archive(entry('pax', { type: 'x', data: bytes('0 path=x\n') })), 'damaged'],
  ])('%s', async (_, whole, problem) => {
    const error = await failure(extract(whole))
    expect(error.code).toBe('sidecar_archive_invalid')
    expect(error.message).toContain(problem)
  })

  test('an archive that goes on without end is refused', async () => {
    async function* endless() {
      yield archive(wanted)
      for (;;) yield new Uint8Array(1024 * 1024)
    }
    const error = await failure(extractTarEntry(endless(), { entry: ENTRY, maxBytes: 10_000, write: () => {} }))
    expect(error.code).toBe('sidecar_archive_invalid')
    expect(error.message).toContain('unpacks to more than')
  })
})
