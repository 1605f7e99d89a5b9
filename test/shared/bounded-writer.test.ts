import { expect, test } from 'bun:test'
import { Writable } from 'node:stream'
import { BoundedWriter } from '../../src/shared/bounded-writer.ts'

/** A reader that takes nothing until it is told to. */
function slowReader() {
  const taken: string[] = []
  let pending: (() => void)[] = []
  let open = false
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk, _encoding, done) {
      taken.push(String(chunk))
      if (open) done()
      else pending.push(done)
    },
  })
  return {
    stream,
    taken,
    takeAll() {
      open = true
      for (const done of pending.splice(0)) done()
      pending = []
    },
  }
}

const writerTo = (stream: Writable): BoundedWriter =>
  new BoundedWriter(stream, { maxBytes: 100, dropped: count => `${count} dropped` })

test('a reader that stands still costs a bounded number of lines, and is told how many it missed', async () => {
  const reader = slowReader()
  const writer = writerTo(reader.stream)

  for (let line = 0; line < 1_000; line++) writer.line(`line ${line} ${'x'.repeat(20)}`)
  reader.takeAll()
  await writer.flush(5_000)

  const lines = reader.taken.join('').split('\n').slice(0, -1)
  expect(lines.length).toBeLessThan(10)
  const dropped = Number(lines.at(-1)?.match(/^(\d+) dropped$/)?.[1])
  expect(dropped + lines.length - 1).toBe(1_000)
})

test('a reader that keeps up misses nothing', async () => {
  const reader = slowReader()
  reader.takeAll()
  const writer = writerTo(reader.stream)

  for (let line = 0; line < 100; line++) {
    writer.line(String(line))
    await writer.flush(5_000)
  }

  expect(reader.taken.join('')).toBe(Array.from({ length: 100 }, (_, line) => `${line}\n`).join(''))
})

test('lines of one turn of the event loop leave in one write', async () => {
  const reader = slowReader()
  reader.takeAll()
  const writer = writerTo(reader.stream)

  for (const line of ['a', 'b', 'c']) writer.line(line)
  await writer.flush(5_000)

  expect(reader.taken).toEqual(['a\nb\nc\n'])
})
