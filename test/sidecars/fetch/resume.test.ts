import { describe, expect, test } from 'bun:test'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  type Answer,
  good,
  inTurn,
  startMirror,
  truncated,
  unsatisfiable,
  withoutRanges,
  wrongContentRange,
} from '../../fixtures/mirror.ts'
import { failure, sha256, until } from '../kit.ts'
import { CONTENT, downloadBox, SHA256 } from './kit.ts'

type Box = Awaited<ReturnType<typeof downloadBox>>

const HALF = CONTENT.length / 2
const OTHER = CONTENT.map(byte => byte ^ 1)
/** Nothing is known beforehand, as of opencode's own release archives. */
const UNKNOWN = { sha256: undefined, size: undefined }
const ONCE = { limits: { attempts: 1 } }

/** Cuts after half of the file, when that is on disk: Bun drops what it has not yet given out. */
const half =
  (box: Box, bytes = CONTENT, options: Parameters<typeof good>[1] = {}): Answer =>
  (request, reply) =>
    truncated(bytes, HALF, { ...options, when: () => until(async () => (await box.part()).length >= HALF) })(
      request,
      reply,
    )

/** Half of the file is there, as a start that failed leaves it. */
async function cutInHalf(box: Box, mirror: Awaited<ReturnType<typeof startMirror>>, changes = {}): Promise<void> {
  mirror.set('/file', half(box))
  await failure(box.download([mirror.url('/file')], { ...ONCE, ...changes }))
  expect(await box.part()).toEqual(CONTENT.subarray(0, HALF))
  expect((await box.files()).sort()).toEqual(['file.part', 'file.part.json'])
}

const rangesOf = (mirror: Awaited<ReturnType<typeof startMirror>>) => mirror.requests.map(({ range }) => range)

describe.each([
  ['is known', {}],
  ['is not known', UNKNOWN],
])('a transfer of a file whose hash %s', (_, changes) => {
  test('goes on where it was cut', async () => {
    await using mirror = await startMirror()
    await using box = await downloadBox()
    mirror.set('/file', inTurn(half(box), good(CONTENT)))
    expect(await box.download([mirror.url('/file')], changes)).toMatchObject({ sha256: SHA256 })
    expect(rangesOf(mirror)).toEqual([undefined, `bytes=${HALF}-`])
    expect(mirror.requests[1]?.ifRange).toMatch(/^"/)
    expect(await box.files()).toEqual(['file'])
  })

  test('goes on where an earlier one ended', async () => {
    await using mirror = await startMirror()
    await using box = await downloadBox()
    await cutInHalf(box, mirror, changes)
    mirror.set('/file', good(CONTENT))
    expect(await box.download([mirror.url('/file')], changes)).toMatchObject({ sha256: SHA256, bytes: CONTENT.length })
    expect(rangesOf(mirror)).toEqual([undefined, `bytes=${HALF}-`])
    expect(await box.content()).toEqual(CONTENT)
  })

  test.each<[string, Answer, number]>([
    ['ignores ranges', withoutRanges(CONTENT), 2],
    ['sends another range than asked for', wrongContentRange(CONTENT), 3],
    ['sends a range that it does not name', (request, reply) => nameless(request, reply), 3],
    ['says that there is no such range', unsatisfiable(CONTENT), 3],
    ['has another file meanwhile', good(CONTENT, { etag: '"new"' }), 2],
  ])('starts over when the server %s', async (_, answer, requests) => {
    await using mirror = await startMirror()
    await using box = await downloadBox()
    await cutInHalf(box, mirror, changes)
    mirror.set('/file', answer)
    expect(await box.download([mirror.url('/file')], changes)).toMatchObject({ sha256: SHA256 })
    expect(mirror.requests).toHaveLength(requests)
    expect(await box.content()).toEqual(CONTENT)
  })
})

const nameless: Answer = (request, reply) => {
  if (request.range === undefined) return good(CONTENT)(request, reply)
  reply.writeHead(206, { 'content-length': HALF })
  reply.end(CONTENT.subarray(HALF))
}

test('another mirror may go on with a file whose hash is known', async () => {
  await using mirror = await startMirror({ '/second': good(CONTENT, { etag: '"of the second"' }) })
  await using box = await downloadBox()
  await cutInHalf(box, mirror)
  expect(await box.download([mirror.url('/second')])).toMatchObject({ sha256: SHA256 })
  expect(mirror.requestsOf('/second')).toMatchObject([{ range: `bytes=${HALF}-`, ifRange: undefined }])
})

test('another mirror does not go on with a file whose hash is not known', async () => {
  await using mirror = await startMirror({ '/second': good(CONTENT) })
  await using box = await downloadBox()
  await cutInHalf(box, mirror, UNKNOWN)
  expect(await box.download([mirror.url('/second')], UNKNOWN)).toMatchObject({ sha256: SHA256 })
  expect(mirror.requestsOf('/second')).toMatchObject([{ range: undefined }])
})

test('without an ETag the date of change tells whether a file is still the same', async () => {
  await using mirror = await startMirror()
  await using box = await downloadBox()
  const dated = { etag: '', lastModified: 'Sun, 01 Nov 2026 00:00:00 GMT' }
  mirror.set('/file', inTurn(half(box, CONTENT, dated), good(CONTENT, dated)))
  expect(await box.download([mirror.url('/file')], UNKNOWN)).toMatchObject({ sha256: SHA256 })
  expect(mirror.requests[1]).toMatchObject({ range: `bytes=${HALF}-`, ifRange: dated.lastModified })
})

test('without either, a file whose hash is not known is fetched from the start again', async () => {
  await using mirror = await startMirror()
  await using box = await downloadBox()
  mirror.set('/file', inTurn(half(box, CONTENT, { etag: 'W/"weak"' }), good(CONTENT)))
  expect(await box.download([mirror.url('/file')], UNKNOWN)).toMatchObject({ sha256: SHA256 })
  expect(rangesOf(mirror)).toEqual([undefined, undefined])
})

test('a beginning that belongs to another file is thrown away, and the file fetched once more', async () => {
  await using mirror = await startMirror()
  await using box = await downloadBox()
  mirror.set('/other', half(box, OTHER))
  await failure(box.download([mirror.url('/other')], ONCE))
  mirror.set('/file', good(CONTENT))
  expect(await box.download([mirror.url('/file')])).toMatchObject({ sha256: SHA256 })
  expect(mirror.requestsOf('/file').map(({ range }) => range)).toEqual([`bytes=${HALF}-`, undefined])
})

test('what is left of another version is not gone on with', async () => {
  await using mirror = await startMirror()
  await using box = await downloadBox()
  await cutInHalf(box, mirror)
  mirror.set('/file', good(OTHER))
  expect(await box.download([mirror.url('/file')], { sha256: sha256(OTHER) })).toMatchObject({ sha256: sha256(OTHER) })
  expect(rangesOf(mirror)).toEqual([undefined, undefined])
})

test('a part that is complete but for its name needs no server', async () => {
  await using mirror = await startMirror()
  await using box = await downloadBox()
  await cutInHalf(box, mirror)
  await writeFile(`${box.path}.part`, CONTENT)
  await mirror.stop()
  expect(await box.download([mirror.url('/file')])).toMatchObject({ sha256: SHA256 })
})

test.each([
  ['without its note', undefined],
  ['with a note that is cut short', '{"source":'],
  ['with a note that says nothing', 'null'],
  ['with a note of other things', '{"source":1,"sha256":[]}'],
])('a part %s is not gone on with', async (_, note) => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await mkdir(dirname(box.path), { recursive: true })
  await writeFile(`${box.path}.part`, CONTENT.subarray(0, 1_000))
  if (note !== undefined) await writeFile(`${box.path}.part.json`, note)
  expect(await box.download([mirror.url('/file')])).toMatchObject({ sha256: SHA256 })
  expect(rangesOf(mirror)).toEqual([undefined])
})

test('what is kept for the next time names no secret', async () => {
  await using mirror = await startMirror()
  await using box = await downloadBox()
  mirror.set('/file', half(box))
  const url = mirror.url('/file?signature=s3cret').replace('//', '//user:pa55word@')
  await failure(box.download([url], ONCE))
  expect(await readFile(`${box.path}.part.json`, 'utf8')).not.toMatch(/s3cret|pa55word/)
})
