import { expect, test } from 'bun:test'
import { LastLines, LineSplitter } from '../../src/supervisor/lines.ts'
import { fixture, isAlive, service, supervised } from './support.ts'

const split = (...chunks: (string | number[])[]): string[] => {
  const lines: string[] = []
  const splitter = new LineSplitter(line => lines.push(line))
  for (const chunk of chunks) splitter.push(typeof chunk === 'string' ? Buffer.from(chunk) : Uint8Array.from(chunk))
  splitter.end()
  return lines
}

test('lines end with LF or CRLF, and the last one with the output', () => {
  expect(split('a\nb\r\n\nc\r', '\nd\re')).toEqual(['a', 'b', '', 'c', 'd\re'])
})

test('a character that arrives in parts is put together, and broken ones are shown as such', () => {
  const [first = 0, ...rest] = Buffer.from('€')
  expect(split('1 ', [first], rest, '\n', [0xff], '\n', [first])).toEqual(['1 €', '\ufffd', '\ufffd'])
})

test('a line without end is delivered in pieces, none of which splits a character', () => {
  const pieces = split(`${'x'.repeat(65_535)}😀${'y'.repeat(70_000)}`, 'z\nnext\n')
  expect(pieces.map(({ length }) => length)).toEqual([65_535, 65_536, 4_467, 4])
  expect(pieces[1]?.startsWith('😀')).toBe(true)
  expect(pieces.slice(2)).toEqual([`${'y'.repeat(4_466)}z`, 'next'])
})

test('of the last lines no more than twenty are kept, and of a long one its beginning', () => {
  const last = new LastLines()
  for (let line = 0; line < 30; line += 1) last.add(`line ${line}`)
  last.add('x'.repeat(5_000))
  const lines = last.toArray()
  expect(lines).toHaveLength(20)
  expect(lines[0]).toBe('line 11')
  expect(lines.at(-1)).toBe(`${'x'.repeat(1_000)}…`)
})

test('a flood of output is all delivered, and others are served meanwhile', async () => {
  const LINES = 200_000
  const counts = { stdout: 0, stderr: 0 }
  let disorder = 0
  const done = Promise.withResolvers<void>()
  let turns = 0
  const beat = setInterval(() => (turns += 1), 1)
  await using it = supervised([service('floods', { argv: fixture('floods', String(LINES)) })], {
    onEvent: event => {
      if (event.type !== 'line') return
      if (event.text === 'done') return done.resolve()
      const expected = `${event.stream === 'stdout' ? 'out' : 'err'} ${counts[event.stream]++}`
      if (event.text !== expected) disorder += 1
    },
  })
  await it.run.reaches('floods', 'ready')
  await done.promise
  clearInterval(beat)

  // The end of stderr may come after the end of stdout: it is there when the service has ended.
  await it.run.stop()

  expect({ ...counts, disorder }).toEqual({ stdout: LINES, stderr: LINES, disorder: 0 })
  expect(turns).toBeGreaterThan(0)
})

test.skipIf(process.platform !== 'linux')('a stranger that keeps the output open holds nothing up', async () => {
  // Without our environment and outside the group it cannot be told to be ours.
  const stranger = `env -i setsid sh -c 'echo $$; exec sleep 60' & wait`
  await using it = supervised([
    service('leaves', {
      argv: ['/bin/sh', '-c', `printf unfinished >&2; ${stranger}`],
      env: { PATH: '/usr/bin:/bin' },
      restart: { when: 'never', backoffMs: [1, 1], resetAfterMs: 1, maxCrashes: 0, windowMs: 1 },
    }),
  ])
  const { pid = 0 } = await it.run.reaches('leaves', 'ready')
  const strangerPid = Number(await it.events.line('leaves', /^\d+$/))

  process.kill(pid, 'SIGKILL')
  const { lastLines } = await it.run.reaches('leaves', 'gave-up')

  expect(isAlive(strangerPid)).toBe(true)
  expect(lastLines).toEqual([String(strangerPid), 'unfinished'])
  process.kill(strangerPid, 'SIGKILL')
})

test('an endless flood fills no memory and does not hold up a stop', async () => {
  const enough = Promise.withResolvers<void>()
  let bytes = 0
  await using it = supervised([service('floods', { argv: fixture('floods') })], {
    onEvent: event => {
      if (event.type !== 'line') return
      bytes += event.text.length
      if (bytes > 32_000_000) enough.resolve()
    },
  })
  const before = process.memoryUsage.rss()
  await enough.promise
  const grown = process.memoryUsage.rss() - before

  await it.run.stop()

  expect(grown).toBeLessThan(200_000_000)
  expect(it.run.exit('floods')).toEqual({ code: null, signal: 'SIGTERM' })
})
