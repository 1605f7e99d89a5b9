import { expect, test } from 'bun:test'
import { Attempts } from '../../src/server/attempts.ts'

const from = (n: number) => ({ address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` })
const HERE = { address: '192.0.2.1' }

/** Eleven wrong ones: a pause of a second. */
function failEleven(attempts: Attempts, nowMs: number): void {
  for (let n = 0; n < 11; n++) attempts.failed(HERE, nowMs)
}

test('a flood from other addresses does not make one that goes on failing forgotten', () => {
  const attempts = new Attempts()
  failEleven(attempts, 0)
  for (let n = 0; n < 30_000; n++) {
    attempts.failed(from(n), 0)
    if (n % 5_000 === 0) attempts.failed(HERE, 0)
  }
  expect(() => attempts.check(HERE, '', 1)).toThrow('Too many wrong credentials')
})

test('what is remembered has a bound: the address that failed longest ago is forgotten first', () => {
  const attempts = new Attempts()
  failEleven(attempts, 0)
  for (let n = 0; n < 9_999; n++) attempts.failed(from(n), 0)
  expect(() => attempts.check(HERE, '', 1)).toThrow('Too many wrong credentials')
  attempts.failed(from(9_999), 0)
  expect(() => attempts.check(HERE, '', 1)).not.toThrow()
})

test('of one credential only the latest addresses are remembered', () => {
  const attempts = new Attempts()
  failEleven(attempts, 0)
  attempts.succeeded(HERE, 'key', 0)
  for (let n = 0; n < 31; n++) attempts.succeeded(from(n), 'key', (n + 1) * 1_000)
  expect(() => attempts.check(HERE, 'key', 1)).not.toThrow()
  attempts.succeeded(from(31), 'key', 32_000)
  expect(() => attempts.check(HERE, 'key', 1)).toThrow('Too many wrong credentials')
})
