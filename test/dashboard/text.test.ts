import { expect, test } from 'bun:test'
import {
  cells,
  cut,
  cutLine,
  cutStart,
  fill,
  harmless,
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
  expect(harmless('日本 👩‍👩‍👧 ❤\ufe0f क्\u200dष')).toBe('日本 👩👩👧 ❤ क्\u200dष')
})

test('without colour, bold and inverse are left', () => {
  const line = [span('a', { color: 'red', bold: true }), span('b', { color: 'green' })]
  expect(renderLine(line, true)).toBe('\x1b[1;31ma\x1b[0m\x1b[32mb\x1b[0m')
  expect(renderLine(line, false)).toBe('\x1b[1ma\x1b[0mb')
})
