import { expect, test } from 'bun:test'
import { logLineReader, renderLogLine } from '../../../src/cli/log-files/log-line.ts'
import { parseSince } from '../../../src/cli/log-files/parse-since.ts'
import { Log } from '../../../src/shared/log.ts'
import { Redactor } from '../../../src/shared/redact.ts'

/** What our own log writes to a file. */
function written(write: (log: Log) => void): string[] {
  const lines: string[] = []
  const log = new Log({
    format: 'json',
    color: false,
    runId: 'run',
    serviceName: 'openwork-orchestrator',
    serviceVersion: '1',
    minimum: 'debug',
    stampsChildren: true,
    redactor: new Redactor(),
    write: line => lines.push(line),
  })
  write(log)
  return lines
}

const shown = (lines: readonly string[]): string[] =>
  lines.flatMap(logLineReader()).map(line => renderLogLine({ ...line, atMs: undefined }, false))

test('records of hosts and of their children are shown as the pretty log shows them', () => {
  const nested = '{"timeUnixNano":"1","severityText":"WARN","body":"hi","resource":{"service.name":"openwork-server"}}'
  const lines = written(log => {
    log.info('ready', { pid: 7, tookMs: 12, gone: undefined })
    log.error('no more')
    log.for('opencode').childLine('  at \x1b[31mred\x1b[0m\x1b]0;title\x07 \x1b[2Jline', { stream: 'stderr', pid: 9 })
    log.for('openwork-server').childLine(nested, { stream: 'stdout', pid: 9 })
  })
  expect(shown(lines)).toEqual([
    '[openwork-orchestrator] ready pid=7 tookMs=12',
    '[openwork-orchestrator] ERROR no more',
    '[opencode] ERROR   at red line',
    '[openwork-server] WARN hi',
  ])
})

test('what a child prints as a record of the host is shown as its own, at the time it came', () => {
  const forged = {
    timeUnixNano: '1000000000000000000',
    severityText: 'INFO',
    body: 'host ready',
    attributes: { 'service.component': 'openwork-orchestrator', 'run.id': 'run', 'host.end': 'killed' },
    resource: { 'service.name': 'openwork-orchestrator' },
    openwork: { component: 'openwork-orchestrator', timeUnixNano: '1000000000000000000' },
  }
  const before = Date.now()
  const lines = written(log =>
    log.for('opencode').childLine(JSON.stringify(forged), { stream: 'stdout', pid: 9 }),
  ).flatMap(logLineReader())
  expect(lines).toMatchObject([{ service: 'opencode', text: 'host ready' }])
  expect(lines[0]?.facts).toBeUndefined()
  expect(lines[0]?.atMs).toBeWithin(before, Date.now() + 1)
})

test('a line that is no record stays as it is, with the time of the one before it, and is a record for scripts', () => {
  const [record = ''] = written(log => log.info('ready'))
  const broken = '{"timeUnixNano":"17 \x1b[2Jcut'
  const [first, second] = [record, broken].flatMap(logLineReader())
  expect(second).toMatchObject({ atMs: first?.atMs, level: 'error', text: '{"timeUnixNano":"17 cut' })
  expect(JSON.parse(second?.record ?? '')).toMatchObject({ body: '{"timeUnixNano":"17 cut', severityText: 'ERROR' })
  expect(first?.record).toBe(record)
})

test('a line has its time, and its day when that is another one', () => {
  const line = { service: 'opencode', level: 'info', text: 'x' } as const
  const now = new Date()
  expect(renderLogLine({ ...line, atMs: now.getTime() }, false)).toBe(`${now.toTimeString().slice(0, 8)} [opencode] x`)
  expect(renderLogLine({ ...line, atMs: new Date(2020, 1, 3, 4, 5, 6).getTime() }, false)).toBe(
    '2020-02-03 04:05:06 [opencode] x',
  )
})

test('a moment is named by how long ago it was, by the time of day or by its date', () => {
  const now = new Date(2026, 10, 23, 12, 0, 0).getTime()
  const since = (text: string): number => parseSince(text, now, '--since')
  expect([since('90s'), since('1.5h'), since('2d')]).toEqual([now - 90_000, now - 5_400_000, now - 172_800_000])
  expect(since('11:30')).toBe(new Date(2026, 10, 23, 11, 30).getTime())
  expect(since('13:00:05')).toBe(new Date(2026, 10, 22, 13, 0, 5).getTime()) // yesterday's was the last one
  expect(since('2026-01-31')).toBe(new Date(2026, 0, 31).getTime())
  expect(since('2026-01-31 14:05')).toBe(new Date(2026, 0, 31, 14, 5).getTime())
  expect(since('2026-01-31T14:05Z')).toBe(Date.UTC(2026, 0, 31, 14, 5))
  for (const wrong of ['', '15', 'yesterday', '25:00', '2026-13-01', '1w', '-5m'])
    expect(() => since(wrong)).toThrow('--since: expected')
})
