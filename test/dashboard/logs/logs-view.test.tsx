import { expect, test } from 'bun:test'
import { renderToString } from 'ink'
import { ColorContext } from '../../../src/dashboard/lines.tsx'
import { LogsView } from '../../../src/dashboard/logs/logs-view.tsx'
import { cells } from '../../../src/dashboard/text.ts'
import { entry, Logs } from './entries.ts'

const SIZES = [
  [24, 80],
  [60, 200],
  [10, 40],
] as const

const filled = (rows: number, columns: number): Logs =>
  new Logs(rows, columns).take(
    Array.from({ length: 300 }, (_, index) =>
      entry(index, `${index} 日本 👨‍👩‍👧 e\u0301 ${'and so on '.repeat(30)}`, {
        service: index % 3 ? 'openwork-server' : 'opencode',
        level: index % 5 ? 'info' : 'error',
      }),
    ),
  )

const rendered = ({ model }: Logs, color: boolean): string =>
  renderToString(
    <ColorContext value={color}>
      <LogsView model={model} />
    </ColorContext>,
    { columns: model.size.columns },
  )

test('the view has the size that it is given, wrapped and not, without colours too', () => {
  for (const [rows, columns] of SIZES) {
    const logs = filled(rows, columns)
    for (const each of [logs, logs.do('wrap'), logs.do('page-up').do('search').type('299')]) {
      for (const color of [true, false]) {
        const lines = rendered(each, color).split('\n')
        expect(lines).toHaveLength(rows)
        expect(Math.max(...lines.map(line => cells(Bun.stripANSI(line))))).toBeLessThanOrEqual(columns)
        expect(lines.some(line => /\x1b\[[\d;]*3\dm/.test(line))).toBe(color)
      }
    }
  }
})

test('the newest line is at the bottom, and as much of the head is shown as there is room for', () => {
  for (const [rows, columns] of SIZES) {
    const lines = Bun.stripANSI(rendered(filled(rows, columns), true)).split('\n')
    expect(lines.at(-1)).toContain(' 299 日本')
    expect(lines[0]).toContain('follow on')
    expect(lines[0]).toContain('300 lines')
  }
  expect(filled(24, 80).head).toBe('service all  level all  follow on  wrap off  300 lines')
  const searched = filled(24, 80).do('search').type('日本', 'Enter').do('previous-match', 'only-matching', 'mark')
  expect(searched.head).toBe('service all  follow off  /日本 300/300  matching only  1 marked  300 lines')
  const narrow = filled(10, 40).do('service', 'level', 'level').do('search').type('1', 'Enter').do('only-matching')
  expect(narrow.head).toBe('service opencode  /1 9/9  9 of 300 lines')
})
