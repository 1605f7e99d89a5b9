import { describe, expect, test } from 'bun:test'
import { Log, type LogFormat, type Severity } from '../../src/shared/log.ts'
import { Redactor } from '../../src/shared/redact.ts'

function logTo(lines: string[], format: LogFormat, options: { minimum?: Severity; bare?: boolean } = {}): Log {
  return new Log({
    format,
    color: false,
    runId: 'r-42',
    serviceName: 'openwork-orchestrator',
    serviceVersion: '1.0.0',
    minimum: 'info',
    redactor: new Redactor(),
    write: line => lines.push(line),
    ...options,
  })
}

const from = { stream: 'stdout', pid: 4711 } as const

describe('pretty lines', () => {
  test('name the component, the level unless it is info, and the attributes', () => {
    const lines: string[] = []
    const log = logTo(lines, 'pretty')

    log.info('ready', { url: 'http://x', missing: undefined })
    log.for('opencode').warn('ended', { reason: 'exit code 1' })
    log.info('reloaded /p/shop', { directory: '/p/shop', from: '/p' })
    log.info('reloaded', { directory: '/p/shop' })

    expect(lines).toEqual([
      '[openwork-orchestrator] ready url=http://x',
      '[opencode] WARN ended reason="exit code 1"',
      '[openwork-orchestrator] reloaded /p/shop from=/p',
      '[openwork-orchestrator] reloaded directory=/p/shop',
    ])
  })
})

describe('JSON records', () => {
  test('have the fields of OpenTelemetry and the run id', () => {
    const lines: string[] = []
    logTo(lines, 'json').for('opencode').error('failed', { code: 1 })

    expect(JSON.parse(lines[0] ?? '')).toEqual({
      timeUnixNano: expect.stringMatching(/^\d{19}$/),
      severityText: 'ERROR',
      severityNumber: 17,
      body: 'failed',
      attributes: { 'run.id': 'r-42', 'process.pid': process.pid, 'service.component': 'opencode', code: 1 },
      resource: {
        'service.name': 'openwork-orchestrator',
        'service.version': '1.0.0',
        'service.instance.id': 'r-42',
        'host.name': expect.any(String),
      },
    })
  })
})

describe('lines of children', () => {
  const record = JSON.stringify({ timeUnixNano: '1', severityText: 'WARN', body: 'slow', attributes: { token: 'abc' } })

  test('a record passes through in JSON output, secrets masked', () => {
    const lines: string[] = []
    logTo(lines, 'json').for('openwork-server').childLine(record, from)

    expect(JSON.parse(lines[0] ?? '')).toEqual({ ...JSON.parse(record), attributes: { token: '[REDACTED]' } })
  })

  test('a record becomes its text in pretty output, with its own severity', () => {
    const lines: string[] = []
    logTo(lines, 'pretty').for('openwork-server').childLine(record, from)

    expect(lines).toEqual(['[openwork-server] WARN slow'])
  })

  test.each([
    ['level=WARN msg=x', 'stdout', 'WARN'],
    ['2026-01-01T10:00:00 DEBUG y', 'stderr', undefined],
    ['plain trouble', 'stderr', 'ERROR'],
    ['INFO  2026-01-01 service=server started', 'stderr', 'INFO'],
    ['information for you', 'stdout', 'INFO'],
  ] as const)('%p on %s has the severity it names itself, else that of its stream', (line, stream, severity) => {
    const lines: string[] = []
    logTo(lines, 'json').for('opencode').childLine(line, { stream, pid: 1 })

    const seen = lines.map(each => JSON.parse(each).severityText)
    expect(seen).toEqual(severity ? [severity] : [])
  })

  test('text that only looks like JSON is a plain line', () => {
    const lines: string[] = []
    logTo(lines, 'pretty').for('opencode').childLine('{ not json', from)
    logTo(lines, 'pretty').for('opencode').childLine('{"a":1}', from)

    expect(lines).toEqual(['[opencode] { not json', '[opencode] {"a":1}'])
  })
})

test('a line of a child cannot move the cursor, set the title or overwrite what stands there', () => {
  const lines: string[] = []
  const log = logTo(lines, 'pretty').for('opencode')
  log.childLine('\x1b]0;pwned\x07a\x1b[2Jb\rc\x1b[31mred\x1b[0m\x9b2Jd\tend', from)

  expect(lines).toEqual(['[opencode] abc\x1b[31mred\x1b[0m2Jd\tend'])
})

test('nothing known to be secret is written, in messages, attributes or children’s lines', () => {
  for (const format of ['pretty', 'json'] as const) {
    const lines: string[] = []
    const log = logTo(lines, format, { minimum: 'debug' })
    log.redactor.add('very-secret-value')

    log.info('got very-secret-value', { nested: { url: 'http://x?k=very-secret-value' } })
    log.for('opencode').childLine('child says very-secret-value', from)

    expect(lines).toHaveLength(2)
    expect(lines.join()).not.toContain('very-secret-value')
  }
})

test('a tap is given every record as plain text on one line, masked, until it is closed', () => {
  for (const format of ['pretty', 'json'] as const) {
    const log = logTo([], format)
    log.redactor.add('hunter22')
    const seen: string[] = []
    const close = log.tap(({ severity, component }, text) => seen.push(`${component} ${severity} ${text}`))
    log.info('ready', { pid: 1, of: 'hunter22', gone: undefined })
    log.debug('not asked for')
    log.for('opencode').childLine('\x1b[31mWARN\x1b[0m it is\thunter22\x07', { stream: 'stdout', pid: 1 })
    const own = { 'run.id': 'r', 'process.pid': 2, 'service.component': 'openwork-server', status: 200 }
    const record = { timeUnixNano: '1', severityText: 'ERROR', body: 'failed: Error\n    at here', attributes: own }
    log.for('openwork-server').childLine(JSON.stringify(record), { stream: 'stdout', pid: 1 })
    close()
    log.info('nobody hears this')
    expect(seen).toEqual([
      'openwork-orchestrator info ready pid=1 of=[REDACTED]',
      'opencode info WARN it is [REDACTED]',
      'openwork-server error failed: Error     at here',
    ])
  }
})
