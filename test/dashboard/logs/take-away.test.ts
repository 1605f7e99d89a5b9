import { describe, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportLogs } from '../../../src/dashboard/logs/export-logs.ts'
import { entries, entry, Logs } from './entries.ts'

describe('copying', () => {
  test('takes what is in view, whole lines, until some are marked', () => {
    const logs = new Logs(4, 50).take([...entries(1, 5), entry(6, 'x'.repeat(300))]).do('copy')
    expect(logs.effects.at(-1)).toEqual({
      type: 'copy',
      what: '3 lines',
      text: [
        '2026-11-23T12:00:00.004Z [opencode] INFO  line 4',
        '2026-11-23T12:00:00.005Z [opencode] INFO  line 5',
        `2026-11-23T12:00:00.006Z [opencode] INFO  ${'x'.repeat(300)}`,
        '',
      ].join('\n'),
    })
    logs.do('start', 'mark', 'down', 'mark', 'copy')
    expect(logs.head).toContain('2 marked')
    expect(logs.screen.slice(1).map(row => row[0])).toEqual([' ', '*', '>'])
    expect(logs.effects.at(-1)).toMatchObject({ what: '2 lines', text: expect.stringMatching(/line 1\n.*line 3\n$/) })
    expect(logs.do('clear', 'copy').effects.at(-1)).toMatchObject({ what: '3 lines' })
  })

  test('Y takes all that pass the filter', () => {
    const logs = new Logs().take([...entries(1, 500), entry(501, 'bad', { level: 'error' })]).do('copy-all')
    expect(logs.effects.at(-1)).toMatchObject({ what: '501 lines' })
    logs.do('level', 'level', 'copy-all')
    expect(logs.effects.at(-1)).toMatchObject({ what: '1 line', text: expect.stringContaining('ERROR bad') })
  })

  test('marks fall out with their lines', () => {
    const logs = new Logs().take(entries(1, 3)).do('start', 'mark').take(entries(4, 10_000))
    expect(logs.head).not.toContain('marked')
  })
})

describe('exporting', () => {
  test('asks for the file, and gives what passes the filter', () => {
    const logs = new Logs().take([...entries(1, 3), entry(4, 'bad', { level: 'error' })]).do('level', 'level', 'export')
    expect(logs.head).toMatch(/^Write to: openwork-logs-2026-11-2\d-\d{6}\.log▏$/)
    logs.type('', '^W').type('my logs.txt', 'Enter')
    expect(logs.effects).toEqual([
      { type: 'export', file: 'my logs.txt', what: '1 line', text: '2026-11-23T12:00:00.004Z [opencode] ERROR bad\n' },
    ])
    expect(logs.do('export').type('', 'Esc').effects).toHaveLength(1)
    expect(logs.do('export').type('', '^U').paste('a\nb\x1b[2J').head).toBe('Write to: a b▏')
  })
})

describe('the file of an export', () => {
  test('is new, and for its owner only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openwork-export-'))
    await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
    const path = await exportLogs('out.log', folder, 'a line\n')
    expect(path).toBe(join(folder, 'out.log'))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const again = exportLogs(path, '/', 'another\n')
    await expect(again).rejects.toMatchObject({
      code: 'write_failed',
      message: expect.stringContaining('of that name'),
    })
    expect(await readFile(path, 'utf8')).toBe('a line\n')
  })

  test('that cannot be made is said, with the reason', async () => {
    const failed = exportLogs('/nowhere/at/all.log', '/', 'a line\n')
    await expect(failed).rejects.toThrow('The logs were not written to /nowhere/at/all.log: no such file or directory')
  })
})
