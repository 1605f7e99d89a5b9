import { expect, test } from 'bun:test'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RotatedLog } from '../../../src/cli/log-files/rotated-log.ts'
import { RotatingFile } from '../../../src/shared/rotating-file.ts'

function newLog() {
  const folder = mkdtempSync(join(tmpdir(), 'openwork-logs-'))
  const path = join(folder, 'run.log')
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

async function all(batches: AsyncIterable<string[]>): Promise<string[]> {
  const lines: string[] = []
  for await (const batch of batches) lines.push(...batch)
  return lines
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index} ä€😀`)

test('every line of a log that is rotated is read once and in order, however reading and writing fall together', async () => {
  using at = newLog()
  const writer = new RotatingFile(at.path, { maxBytes: 400, keep: 5 })
  const write = (lines: string[]): void => {
    for (const line of lines) writer.line(line)
    writer.flush()
  }
  let written = 0
  const writeMore = (count: number): void => {
    write(numbered(written + 1, written + count))
    written += count
  }
  for (let batch = 0; batch < 40; batch++) writeMore(5)
  await using log = await RotatedLog.open(at.path)
  const seen = await all(log.lines())
  expect(seen.at(-1)).toBe(`line ${written} ä€😀`)
  // None, one and several rotations between two looks.
  for (const batches of [0, 1, 2, 3, 1, 0, 5, 2]) {
    for (let batch = 0; batch < batches; batch++) writeMore(7)
    seen.push(...(await all(log.newer())))
  }
  writer.close()
  const first = Number(seen[0]?.split(' ')[1])
  expect(first).toBeGreaterThan(1) // what was rotated out is gone
  expect(seen).toEqual(numbered(first, written))
})

/** Of this process, in the log's folder. Linux knows. */
const openFilesOf = (path: string): string[] =>
  readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(path) ? [target] : []
    } catch {
      return [] // closed while we looked
    }
  })

test.skipIf(process.platform !== 'linux')(
  'no file stays open where reading ends in the middle of a rotation',
  async () => {
    using at = newLog()
    writeFileSync(at.path, 'one\n')
    {
      await using log = await RotatedLog.open(at.path)
      expect(await all(log.lines())).toEqual(['one'])
      appendFileSync(at.path, 'two\n')
      renameSync(at.path, `${at.path}.1`)
      writeFileSync(at.path, 'three\n')
      for await (const lines of log.newer()) {
        expect(lines).toEqual(['two'])
        break
      }
    }
    expect(openFilesOf(at.path)).toEqual([])
  },
)

test('half a line is given out when its end comes, or as the rest, and one that was taken back is forgotten', async () => {
  using at = newLog()
  writeFileSync(at.path, 'one\ntw')
  await using log = await RotatedLog.open(at.path)
  expect(await all(log.lines())).toEqual(['one'])
  appendFileSync(at.path, 'o\nthr')
  expect(await all(log.newer())).toEqual(['two'])
  truncateSync(at.path, readFileSync(at.path).length - 3)
  expect(await all(log.newer())).toEqual([])
  appendFileSync(at.path, 'four\nfi')
  expect(await all(log.newer())).toEqual(['four'])
  expect([log.takeRest(), log.takeRest()]).toEqual(['fi', undefined])
})

test('a log that is not there yet is followed from its first line', async () => {
  using at = newLog()
  await using log = await RotatedLog.open(at.path)
  expect(await all(log.lines())).toEqual([])
  writeFileSync(at.path, 'one\n')
  expect(await all(log.newer())).toEqual(['one'])
})

test('the last lines are found across files, and old files are not even opened for a time', async () => {
  using at = newLog()
  writeFileSync(`${at.path}.2`, 'a\nb\n')
  writeFileSync(`${at.path}.1`, 'c\nd\n')
  writeFileSync(at.path, 'e\nf\n')
  const lastOf = async (count: number): Promise<string[]> => {
    await using log = await RotatedLog.open(at.path)
    const found = await log.last(count, lines => lines.filter(line => line !== 'd'))
    expect(await all(log.newer())).toEqual([])
    return found
  }
  expect(await lastOf(0)).toEqual([])
  expect(await lastOf(1)).toEqual(['f'])
  expect(await lastOf(4)).toEqual(['b', 'c', 'e', 'f'])
  expect(await lastOf(99)).toEqual(['a', 'b', 'c', 'e', 'f'])
  utimesSync(`${at.path}.2`, 1_000, 1_000)
  await using log = await RotatedLog.open(at.path, { sinceMs: 2_000_000 })
  expect(await all(log.lines())).toEqual(['c', 'd', 'e', 'f'])
})
