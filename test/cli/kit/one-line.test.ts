import { expect, test } from 'bun:test'
import { onOneLine } from '../../../src/cli/kit/one-line.ts'

test('what strangers say stays on one line and does nothing to the terminal', () => {
  for (const [said, shown] of [
    ['plain  text, as it is: ü→👩‍💻', 'plain  text, as it is: ü→👩‍💻'],
    ['It is\r\n\n  not\tthere\n', 'It is not there'],
    ['a\u2028b\u2029c\x85d', 'a b c d'],
    ['\x1b[31mred\x1b[0m \x9b1;5Hmoved\x1b[2K', 'red moved'],
    ['\x1b]0;title\x07a\x1b]52;c;ZXZpbA==\x1b\\b\x9d8;;http://evil\x9cc', 'abc'],
    ['\x1bPq#0\x1b\\a\x1b_x\x1b\\b\x90y\x9cc', 'abc'],
    ['a\x1b]no end', 'a ]no end'],
    ['a\x1b', 'a'],
    ['invoice\u202egpj.exe', 'invoice gpj.exe'],
    ['\u2066a\u2069 \u200eb\u200f \u061cc', 'a b c'],
    ['\x00\x7f\x9f', ''],
  ] as const)
    expect(onOneLine(said)).toBe(shown)
})
