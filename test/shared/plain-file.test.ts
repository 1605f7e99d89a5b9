import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../../src/shared/errors.ts'
import { sha256OfFile } from '../../src/shared/hash-file.ts'
import { openPlainFile, readPlainFile } from '../../src/shared/plain-file.ts'
import { makePipe, testWithPipes } from '../fixtures/pipe.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-plain-file-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const codeOf = (promise: Promise<unknown>): Promise<string | undefined> => promise.then(() => 'none', systemCode)

describe('a pipe that nobody writes to', () => {
  testWithPipes('is refused at once, however it would be read', async () => {
    const pipe = await makePipe(join(folder, 'pipe'))
    expect(await codeOf(openPlainFile(pipe))).toBe('EFTYPE')
    expect(await codeOf(readPlainFile(pipe, { maxBytes: 1 }))).toBe('EFTYPE')
    expect(await codeOf(sha256OfFile(pipe, undefined))).toBe('EFTYPE')
  })
})

test('a folder is not a plain file', async () => {
  expect(await codeOf(openPlainFile(folder))).toBe('EISDIR')
})

test('a file that is too large is not read', async () => {
  const path = join(folder, 'text')
  await writeFile(path, 'four')
  expect(await readPlainFile(path, { maxBytes: 4 })).toBe('four')
  expect(await codeOf(readPlainFile(path, { maxBytes: 3 }))).toBe('EFBIG')
})

test.skipIf(process.platform !== 'linux')(
  'a file that does not tell how large it is is read up to the limit',
  async () => {
    const length = (await readPlainFile('/proc/self/environ', { maxBytes: 10_000_000 })).length
    expect(length).toBeGreaterThan(1)
    expect(await readPlainFile('/proc/self/environ', { maxBytes: length * 2 })).toHaveLength(length)
    expect(await codeOf(readPlainFile('/proc/self/environ', { maxBytes: 1 }))).toBe('EFBIG')
  },
)
