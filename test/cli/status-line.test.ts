import { expect, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import { StatusLine } from '../../src/cli/status-line.ts'
import { BoundedWriter } from '../../src/shared/bounded-writer.ts'

/** What a person sees: every line as it is after all that was written over it. */
const seen = (written: string): string[] => written.split('\n').map(line => line.split('\r\x1b[K').at(-1) ?? '')

/** A terminal with a log above its status line. */
function terminal(columns = 40) {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { columns })
  let text = ''
  stream.on('data', (chunk: string) => {
    text += chunk
  })
  const status = new StatusLine(stream)
  const writer = new BoundedWriter(stream, { maxBytes: 10_000, dropped: String })
  return {
    status,
    log: (line: string) => writer.line(status.above(line)),
    lines: async () => {
      for (let turn = 0; turn < 4; turn++) await new Promise(resolve => setImmediate(resolve))
      return seen(text)
    },
  }
}

test('log lines go above what is shown, whenever they come', async () => {
  const { status, log, lines } = terminal()
  log('before, in the same turn')
  status.show(() => 'half done')
  log('after, in the same turn')
  expect(await lines()).toEqual(['before, in the same turn', 'after, in the same turn', 'half done'])
  log('later')
  expect(await lines()).toEqual(['before, in the same turn', 'after, in the same turn', 'later', 'half done'])
})

test('what is shown goes away without a trace', async () => {
  const { status, log, lines } = terminal()
  status.show(() => 'half done')
  await lines()
  status.clear()
  log('ready')
  expect(await lines()).toEqual(['ready', ''])
})

test('nothing is drawn any more once it is cleared in the same turn', async () => {
  const { status, lines } = terminal()
  status.show(() => 'half done')
  status.clear()
  expect(await lines()).toEqual([''])
})

test('what is shown knows how much room there is, less what ^C takes to be echoed', async () => {
  const { status, lines } = terminal(12)
  status.show(columns => String(columns))
  expect(await lines()).toEqual(['9'])
})
