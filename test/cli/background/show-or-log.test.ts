import { expect, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import { showOrLog } from '../../../src/cli/dashboard/show-or-log.ts'
import { Output } from '../../../src/cli/kit/output.ts'
import type { DashboardSource } from '../../../src/dashboard/source.ts'
import { Redactor } from '../../../src/shared/redact.ts'
import { recordingTerminal } from '../recording-terminal.ts'

test('a terminal in which the dashboard fails gets the reason and the log instead, and the host goes on', async () => {
  const { stream: stdout, written } = recordingTerminal({ isTTY: true, columns: 100 })
  const { stream: stderr, written: told } = recordingTerminal({ isTTY: true, columns: 100 })
  const stdin = Object.assign(new PassThrough(), { isTTY: true }) // its keys cannot be read one by one
  const output = new Output({ name: 'x', json: false, stdout, stderr, redactor: new Redactor() })
  const { signal } = new AbortController()
  const interruptions = {
    signal,
    interrupt() {},
    exitCode: () => 1,
    onAgain() {},
    forced: new Promise<never>(() => {}),
    release() {},
  }
  const source = {
    listen(listener) {
      listener({
        type: 'log',
        entries: [{ seq: 1, atMs: 1, service: 'opencode', level: 'info', text: 'listening' }],
        dropped: 0,
      })
      if (told() !== '') listener({ type: 'ended' })
      return () => {}
    },
  } as DashboardSource

  const look = { role: 'owner', color: false, isPlain: false, verbose: false, interruptions } as const
  const end = await showOrLog(source, look, { stdin, stdout, env: {}, cwd: '/', output })

  expect(end).toEqual({ how: 'ended' })
  expect(told()).toMatch(/^The dashboard cannot be shown, these are the logs: .*raw mode/i)
  expect(written()).toEndWith('[opencode] listening\n')
})
