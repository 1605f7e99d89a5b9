import { describe, expect, test } from 'bun:test'
import { entries, entry, Logs } from './entries.ts'

describe('filters', () => {
  const mixed = () =>
    new Logs().take([
      entry(1, 'started', { service: 'openwork-orchestrator' }),
      entry(2, 'noise', { level: 'debug' }),
      entry(3, 'odd', { level: 'warn', service: 'openwork-server' }),
      entry(4, 'bad', { level: 'error' }),
    ])

  test('the services that have spoken are shown one by one, and then all again', () => {
    const logs = mixed()
    expect(logs.do('service').body).toEqual(['  started'])
    expect(logs.head).toContain('service orchestrator')
    expect(logs.do('service').body).toEqual(['  noise', '  bad'])
    expect(logs.do('service').body).toEqual(['  odd'])
    expect(logs.do('service').body).toHaveLength(4)
  })

  test('a level shows what is as bad and worse, beside the service', () => {
    const logs = mixed()
    expect(logs.do('level').body).toEqual(['  started', '  odd', '  bad'])
    expect(logs.do('level').body).toEqual(['  odd', '  bad'])
    expect(logs.head).toContain('level warn+')
    expect(logs.head).toContain('2 of 4 lines')
    expect(logs.do('service', 'service').body).toEqual(['  bad'])
    expect(logs.do('level', 'level').body).toEqual(['  noise', '  bad'])
  })

  test('lines that come are filtered as well, and nothing to show is said', () => {
    const logs = mixed().do('service', 'level', 'level')
    expect(logs.body).toEqual(['No line passes the filter.'])
    logs.take([entry(5, 'worse', { service: 'openwork-orchestrator', level: 'error' }), entry(6, 'other')])
    expect(logs.body).toEqual(['  worse'])
  })

  test('the cursor stays with its line, or goes on to the next one that passes', () => {
    const logs = mixed().do('start', 'down')
    expect(logs.body).toContain('> noise')
    expect(logs.do('level').body).toEqual(['  started', '> odd', '  bad'])
    expect(logs.do('level').body).toEqual(['> odd', '  bad'])
  })
})

describe('following', () => {
  test('the newest lines are in view until the cursor goes up, and again from the end on', () => {
    const logs = new Logs().take(entries(1, 9))
    expect(logs.body).toEqual(['  line 5', '  line 6', '  line 7', '  line 8', '  line 9'])
    logs.do('up').take(entries(10, 5))
    expect(logs.body).toEqual(['  line 5', '  line 6', '  line 7', '> line 8', '  line 9'])
    expect(logs.head).toContain('follow off')
    expect(logs.do('end').body.at(-1)).toBe('  line 14')
  })

  test('the cursor goes line by line and page by page, the view with it, to both ends', () => {
    const logs = new Logs().take(entries(1, 12)).do('up', 'up', 'up', 'up', 'up')
    expect(logs.body).toEqual(['> line 7', '  line 8', '  line 9', '  line 10', '  line 11'])
    expect(logs.do('page-up').body).toEqual(['  line 2', '  line 3', '  line 4', '  line 5', '> line 6'])
    expect(logs.do('page-up').body).toEqual(['  line 1', '  line 2', '  line 3', '  line 4', '> line 5'])
    expect(logs.do('page-up').body[0]).toBe('> line 1')
    expect(logs.do('up').body[0]).toBe('> line 1')
    expect(logs.do('page-down', 'page-down').body).toEqual([
      '> line 8',
      '  line 9',
      '  line 10',
      '  line 11',
      '  line 12',
    ])
    expect(logs.do('page-down').body.at(-1)).toBe('> line 12')
    expect(logs.do('down').body.at(-1)).toBe('> line 12')
    expect(logs.do('start').body[0]).toBe('> line 1')
  })

  test('f stops where the view is, and goes on at the end', () => {
    const logs = new Logs().take(entries(1, 9)).do('follow').take(entries(10, 5))
    expect(logs.body.at(-1)).toBe('> line 9')
    expect(logs.do('follow').body.at(-1)).toBe('  line 14')
  })

  test('a view whose lines have fallen out shows the oldest that are kept', () => {
    const logs = new Logs().take(entries(1, 100)).do('start').take(entries(101, 10_000))
    expect(logs.body[0]).toBe('  line 101')
    expect(logs.do('down').body.slice(0, 2)).toEqual(['  line 101', '> line 102'])
  })

  test('a view that has become larger than what is below stays where it is when lines come', () => {
    const logs = new Logs(3).take(entries(1, 20)).do('up').resize(6, 60)
    const before = logs.body
    expect(before[0]).toBe('  line 16')
    expect(logs.take(entries(21, 20)).body).toEqual(before)
  })

  test('an empty log takes every key', () => {
    const logs = new Logs().do(
      'up',
      'down',
      'page-up',
      'page-down',
      'start',
      'mark',
      'left',
      'right',
      'wrap',
      'service',
    )
    logs.do('copy', 'copy-all', 'search').type('x', 'Enter').do('next-match', 'clear', 'export').type('', 'Enter')
    expect(logs.body).toEqual(['Nothing was logged yet.'])
    expect(logs.effects.every(({ type }) => type === 'say')).toBe(true)
  })
})

describe('bounds', () => {
  test('50,000 lines at once, and 50,000 in small batches, leave the newest 10,000', () => {
    const logs = new Logs().take(entries(1, 50_000))
    for (let seq = 50_001; seq < 100_000; seq += 50) logs.take(entries(seq, 50))
    expect(logs.model.lines.length).toBe(10_000)
    expect(logs.model.shown.length).toBe(10_000)
    expect(logs.model.lines.at(0)?.text).toBe('line 90001')
    expect(logs.body.at(-1)).toBe('  line 100000')
  })

  test('long lines are bounded by what they take together, and the newest stays', () => {
    const logs = new Logs().take(Array.from({ length: 40 }, (_, index) => entry(index, 'x'.repeat(1_000_000))))
    expect(logs.model.bytes).toBeLessThanOrEqual(16 * 1024 * 1024)
    expect(logs.model.lines.length).toBe(16)
    logs.take([entry(40, 'é'.repeat(20_000_000))])
    expect(logs.model.lines.length).toBe(1)
  })

  test('lines that were left out are noted where they are missing, whatever the filter', () => {
    const logs = new Logs(8).take(entries(1, 2)).take(entries(10, 1), 7).take(entries(14, 1)).do('level', 'level')
    expect(logs.do('level', 'level').body.map(row => row.slice(2, 22))).toEqual([
      'line 1',
      'line 2',
      '--- 7 lines left out',
      'line 10',
      '--- 3 lines left out',
      'line 14',
    ])
  })

  test('lines that the host tells again are not shown twice; those of a new run are', () => {
    const logs = new Logs(8).take(entries(1, 3)).take(entries(2, 3))
    expect(logs.body).toEqual(['  line 1', '  line 2', '  line 3', '  line 4'])
    logs.take([entry(1, 'a new run', { atMs: Date.UTC(2026, 10, 23, 13) })])
    expect(logs.body.at(-1)).toBe('  a new run')
  })

  test('what a terminal would obey is gone', () => {
    const logs = new Logs().take([entry(1, 'a\x1b[2Jb\x07c\rd\u202ee', { service: 'op\x1b]0;x\x07en' })])
    expect(logs.screen.join('\n')).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
    expect(logs.screen[1]).toMatch(/open .*abc de$/)
  })
})
