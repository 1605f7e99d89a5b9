import { expect, test } from 'bun:test'
import { byteCount } from '../../src/shared/byte-count.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1549, '1.5 kB'],
  [9_940, '9.9 kB'],
  [9_999, '10 kB'],
  [61_865_791, '62 MB'],
  [999_600, '1.0 MB'],
  [1_500_000_000, '1.5 GB'],
  [5e15, '5000 TB'],
])('%d bytes are shown as %s', (bytes, text) => {
  expect(byteCount(bytes)).toBe(text)
})
