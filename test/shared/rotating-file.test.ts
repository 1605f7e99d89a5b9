import { expect, test } from 'bun:test'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RotatingFile } from '../../src/shared/rotating-file.ts'
import { testUnless } from '../e2e/harness.ts'
import { mountSmallDisk, whyNoSmallDisk } from '../e2e/small-disk.ts'
import { temporaryFolder } from '../supervisor/support.ts'

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)

test('what is given stands in the file, after what stood there before, for its owner alone', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'a.log')
  writeFileSync(path, 'old\n', { mode: 0o644 })
  const file = new RotatingFile(path, { maxBytes: 1_000, keep: 2 })
  file.line('one')
  file.line('zwei: ü')
  file.flush()
  expect(linesOf(path)).toEqual(['old', 'one', 'zwei: ü'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  file.line('last')
  file.close()
  expect(linesOf(path)).toEqual(['old', 'one', 'zwei: ü', 'last'])
})

test('no file grows beyond the limit, so many are kept, and no line is cut or lost among those', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'a.log')
  const file = new RotatingFile(path, { maxBytes: 1_000, keep: 3 })
  const given = Array.from({ length: 400 }, (_, number) => `line ${String(number).padStart(3, '0')} ${'ä'.repeat(10)}`)
  for (const line of given) {
    file.line(line)
    file.flush()
  }
  file.close()
  expect(readdirSync(folder.path).sort()).toEqual(['a.log', 'a.log.1', 'a.log.2', 'a.log.3'])
  const names = ['a.log.3', 'a.log.2', 'a.log.1', 'a.log']
  for (const name of names) expect(statSync(join(folder.path, name)).size).toBeLessThanOrEqual(1_000)
  const kept = names.flatMap(name => linesOf(join(folder.path, name)))
  expect(kept).toEqual(given.slice(-kept.length))
  expect(statSync(join(folder.path, 'a.log.1')).mode & 0o777).toBe(0o600)
})

test('what an earlier process wrote counts', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'a.log')
  writeFileSync(path, `${'x'.repeat(995)}\n`)
  const file = new RotatingFile(path, { maxBytes: 1_000, keep: 1 })
  file.line('new one')
  file.close()
  expect(linesOf(path)).toEqual(['new one'])
  expect(statSync(`${path}.1`).size).toBe(996)
})

test('a reader sees whole lines at any time', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'a.log')
  const file = new RotatingFile(path, { maxBytes: 50_000, keep: 1 })
  for (let turn = 0; turn < 200; turn++) {
    for (let number = 0; number < 20; number++) file.line(`${turn}-${number}`.padEnd(100, '.'))
    await new Promise(setImmediate)
    const text = readFileSync(path, 'utf8')
    expect(text === '' || text.endsWith('\n')).toBe(true)
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .every(line => line.length === 100),
    ).toBe(true)
  }
  file.close()
})

test('a file that somebody removed is begun anew', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'a.log')
  const file = new RotatingFile(path, { maxBytes: 1_000, keep: 1 })
  file.line('one')
  file.flush()
  rmSync(path)
  file.line('two')
  file.close()
  expect(linesOf(path)).toEqual(['two'])
})

test('a link in its place is not followed', async () => {
  await using folder = temporaryFolder()
  const [path, precious] = [join(folder.path, 'a.log'), join(folder.path, 'precious')]
  writeFileSync(precious, 'precious')
  symlinkSync(precious, path)
  expect(() => new RotatingFile(path, { maxBytes: 100, keep: 1 })).toThrow('ELOOP')
  expect(readFileSync(precious, 'utf8')).toBe('precious')
})

test('where it cannot be rotated it goes on in the same file', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'a.log')
  mkdirSync(join(folder.path, 'a.log.1', 'in the way'), { recursive: true })
  const file = new RotatingFile(path, { maxBytes: 100, keep: 1 })
  for (let number = 0; number < 10; number++) {
    file.line(`line ${number} ${'x'.repeat(40)}`)
    file.flush()
  }
  file.close()
  expect(linesOf(path)).toHaveLength(10)
})

const scratch = mkdtempSync(join(tmpdir(), 'openwork-no-disk-'))
const whereDisksCanBeMounted = testUnless(whyNoSmallDisk(scratch))
rmdirSync(scratch)

whereDisksCanBeMounted('a full disk costs lines, which are counted, and nothing else', async () => {
  await using folder = temporaryFolder()
  await using disk = mountSmallDisk(join(folder.path, 'disk'))
  const path = join(disk.path, 'a.log')
  const file = new RotatingFile(path, { maxBytes: 10_000_000, keep: 1 })
  file.line('before')
  file.flush()
  disk.fill(0)
  for (let number = 0; number < 3; number++) {
    file.line('x'.repeat(8_000))
    file.flush()
  }
  expect(linesOf(path)).toEqual(['before'])
  disk.free()
  file.line('after')
  file.close()
  expect(linesOf(path)).toEqual(['before', '… 3 log lines dropped: they could not be written', 'after'])
})
