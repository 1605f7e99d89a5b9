import { expect, test } from 'bun:test'
import { Writable } from 'node:stream'
import { showLogs } from '../../../src/cli/dashboard/show-logs.ts'
import { Output } from '../../../src/cli/kit/output.ts'
import type { DashboardSource, SourceEvent } from '../../../src/dashboard/source.ts'
import { Redactor } from '../../../src/shared/redact.ts'

/** Shows what these events tell, until the last one of them or the signal. */
async function shown(events: readonly SourceEvent[], signal = new AbortController().signal) {
  let text = ''
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk
      done()
    },
  })
  const output = new Output({ name: 'x', json: false, stdout, stderr: stdout, redactor: new Redactor() })
  const listen: DashboardSource['listen'] = listener => {
    for (const event of events) listener(event)
    return () => {}
  }
  const end = await showLogs({ listen } as DashboardSource, { color: false, signal }, { stdout, output })
  return { end, text }
}

test('without a dashboard the log of the host is shown, until the host ends', async () => {
  const entries = [
    { seq: 1, atMs: 1, service: 'opencode', level: 'info', text: 'listening' },
    { seq: 2, atMs: 2, service: 'openwork-server', level: 'warn', text: 'careful' },
  ] as const

  const { end, text } = await shown([
    { type: 'log', entries, dropped: 0 },
    { type: 'ended', failure: 'it was killed' },
  ])

  expect(text).toBe('[opencode] listening\n[openwork-server] WARN careful\n')
  expect(end).toEqual({ how: 'ended', failure: 'it was killed' })
})

test('a signal ends that, too', async () => {
  expect((await shown([], AbortSignal.abort())).end).toEqual({ how: 'aborted' })
})
