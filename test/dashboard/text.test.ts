import { expect, test } from 'bun:test'
import { logLine, plainLine } from '../../src/dashboard/logs/log-line.ts'
import {
  cells,
  cut,
  cutLine,
  cutStart,
  fill,
  graphemes,
  harmless,
  inert,
  justify,
  plainText,
  renderLine,
  span,
} from '../../src/dashboard/text.ts'

const TEXTS = ['plain', '日本語のタイトル', '👩‍👩‍👧 family', 'e\u0301tude', '🇩🇪 flag', 'a\u200bb', '한국어']

test('texts are cut and filled to cells of the terminal, whole characters only', () => {
  for (const text of TEXTS)
    for (let width = 0; width < 12; width++) {
      expect(cells(cut(text, width))).toBeLessThanOrEqual(width)
      expect(cells(cutStart(text, width))).toBeLessThanOrEqual(width)
      expect(cells(fill(text, width))).toBe(width)
      expect(cells(plainText(cutLine([span(text), span(text)], width)))).toBeLessThanOrEqual(width)
    }
  expect(cut('日本語', 4)).toBe('日…')
  expect(cutStart('/home/ada/demo', 6)).toBe('…/demo')
  expect(plainText(justify([span('left')], [span('right')], 12))).toBe('left   right')
})

test('what a terminal would obey is taken out of texts of others', () => {
  expect(harmless('\x1b[31mred\x1b[0m')).toBe('red')
  expect(harmless('a\x1b]0;title\x07b\x1b]52;c;AAAA\x1b\\c')).toBe('abc')
  expect(harmless('one\r\ntwo\tthree\x07\x08\x7f\x9b')).toBe('one  two three')
  expect(harmless('\u202eevil\u2066')).toBe('evil')
  expect(harmless('unfinished\x1b[')).not.toContain('\x1b')
  expect(harmless('日本 👩‍👩‍👧 ❤\ufe0f')).toBe('日本 👩👩👧 ❤')
  expect(inert('\x1b[31mक्षि 👍🏽 กำ')).toBe('क्षि 👍🏽 กำ')
})

test('what terminals are at odds about the width of is shown as what they agree on', () => {
  for (const [text, shown] of [
    ['क्षि', 'कष'],
    ['กำ น้ำ ลำ'.normalize('NFC'), 'ก\u0e4d\u0e32 น\u0e49\u0e4d\u0e32 ล\u0e4d\u0e32'],
    ['👍🏽 1\ufe0f\u20e3 🇩🇪 ⌚', '👍 1 DE ⌚'],
    ['e\u0301tude ガ 각', 'étude ガ 각'],
    ['می\u200cخواهم \u0600', 'میخواهم '],
    [`Z${'\u0301'.repeat(500)}`, 'Ź\u0301\u0301\u0301'],
    ['\ud800', '\ufffd'],
  ] as const)
    expect(harmless(text)).toBe(shown)
  for (const text of [...TEXTS, 'က္က', 'ka\u3099', '\u1161\u1100\u1161', '﷽', '☺']) {
    const safe = harmless(text)
    // Counted by characters, as some terminals do, and by what readers take for one, as others.
    expect([...safe].filter(each => !/\p{M}/u.test(each)).reduce((sum, each) => sum + cells(each), 0)).toBe(cells(safe))
    expect(graphemes(safe).filter(each => (each.match(/\P{M}/gu)?.length ?? 0) > 1)).toEqual([])
  }
  const line = logLine(1, { seq: 1, atMs: 0, service: 's', level: 'info', text: '\x1b[1mक्षि' })
  expect([line.text, plainLine(line)]).toEqual(['कष', '1970-01-01T00:00:00.000Z [s] INFO  क्षि'])
})

test('without colour, bold and inverse are left', () => {
  const line = [span('a', { color: 'red', bold: true }), span('b', { color: 'green' })]
  expect(renderLine(line, true)).toBe('\x1b[1;31ma\x1b[0m\x1b[32mb\x1b[0m')
  expect(renderLine(line, false)).toBe('\x1b[1ma\x1b[0mb')
})
