import { describe, expect, test } from 'bun:test'
import { rowStarts, windowOf } from '../../../src/dashboard/logs/rows.ts'
import { cells } from '../../../src/dashboard/text.ts'
import { entry, Logs } from './entries.ts'

const FAMILY = '👨‍👩‍👧'

const rowsOf = (text: string, width: number): string[] =>
  rowStarts(text, width).map((start, row, starts) => text.slice(start, starts[row + 1]))

describe('wrapping', () => {
  test('is by cells, characters whole', () => {
    expect(rowsOf('abcdef', 3)).toEqual(['abc', 'def'])
    expect(rowsOf('', 3)).toEqual([''])
    expect(rowsOf('日本語ab', 5)).toEqual(['日本', '語ab'])
    expect(rowsOf(`a${FAMILY}${FAMILY}b`, 3)).toEqual([`a${FAMILY}`, `${FAMILY}b`])
    expect(rowsOf('e\u0301e\u0301e\u0301', 2)).toEqual(['e\u0301e\u0301', 'e\u0301'])
    expect(rowsOf('日本', 1)).toEqual(['日', '本'])
  })

  test('keeps rows of a line together, in the column of its text', () => {
    const logs = new Logs(6, 60).take([entry(1, 'x'.repeat(80)), entry(2, 'short')]).do('wrap')
    const [, first, second] = logs.screen
    expect(logs.screen.every(row => cells(row) <= 60)).toBe(true)
    expect(second?.search(/x/)).toBe(first?.search(/x/) ?? -1)
    expect(logs.screen.join('').match(/x/g)).toHaveLength(80)
  })

  test('lets the cursor through a line that is taller than the view, row by row', () => {
    const text = Array.from({ length: 400 }, (_, index) =>
      String.fromCharCode(97 + (Math.floor(index / 40) % 26)),
    ).join('')
    const logs = new Logs(4, 62).take([entry(1, 'first'), entry(2, text), entry(3, 'last')]).do('wrap', 'start', 'down')
    const seen = new Set<string>()
    for (let step = 0; step < 12; step += 1) {
      for (const row of logs.body) seen.add(row)
      logs.do('down')
    }
    expect(logs.body.at(-1)).toBe('> last')
    expect([...seen].join('')).toContain('j')
    for (let step = 0; step < 14; step += 1) logs.do('up')
    expect(logs.body[0]).toBe('> first')
  })

  test('follows the end of a long line', () => {
    const logs = new Logs(4, 62).take([entry(1, `${'x'.repeat(1_000)}end`)]).do('wrap')
    expect(logs.body.at(-1)).toContain('end')
  })
})

describe('cut lines', () => {
  test('are seen through a window of cells', () => {
    const part = (text: string, left: number, width: number): string => {
      const { from, to, padding } = windowOf(text, left, width)
      return ' '.repeat(padding) + text.slice(from, to)
    }
    expect(part('abcdef', 2, 3)).toBe('cde')
    expect(part('日本語', 0, 4)).toBe('日本')
    expect(part('日本語', 1, 4)).toBe(' 本')
    expect(part('日本語', 6, 4)).toBe('')
    expect(part('abc', 10, 4)).toBe('')
  })

  test('end with a sign, and can be read to their end', () => {
    const logs = new Logs(4, 60).take([entry(1, `${'字'.repeat(50)}end`)])
    expect(logs.screen[1]).toEndWith('…')
    expect(logs.screen.every(row => cells(row) <= 60)).toBe(true)
    for (let step = 0; step < 20; step += 1) logs.do('right')
    expect(logs.screen[1]).toContain('end')
    for (let step = 0; step < 20; step += 1) logs.do('left')
    expect(logs.screen[1]).toContain(' 字')
  })

  test('fit windows of any size', () => {
    for (const [rows, columns] of [
      [1, 1],
      [4, 10],
      [10, 40],
      [24, 80],
      [60, 200],
    ] as const) {
      const logs = new Logs(rows, columns).take(
        Array.from({ length: 100 }, (_, index) => entry(index, `${index} 日本 ${FAMILY} ${'long '.repeat(60)}`)),
      )
      for (const screen of [logs.screen, logs.do('wrap').screen, logs.do('page-up', 'page-up').screen]) {
        expect(screen.length).toBe(Math.max(2, rows))
        if (columns >= 10) expect(Math.max(...screen.slice(1).map(cells))).toBeLessThanOrEqual(columns)
      }
      expect(logs.resize(5, 33).screen).toHaveLength(5)
    }
  })
})
