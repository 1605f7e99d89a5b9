import { expect, test } from 'bun:test'
import { likely, nearest } from '../../../src/cli/kit/nearest.ts'

const COMMANDS = ['start', 'status', 'stop', 'serve', 'reload', 'restart', 'logs']

test('a beginning counts before a slip', () => {
  expect(likely('stat', COMMANDS)).toEqual(['status'])
  expect(nearest('stat', COMMANDS)).toBe('status')
})

test('a beginning of several means all of them, or the one that is spelt most like it', () => {
  expect(likely('re', COMMANDS)).toEqual(['reload', 'restart'])
  expect(nearest('sto', ['stop', 'storage'])).toBe('stop')
  expect(likely('ab', ['ab1', 'ab2', 'ab3', 'ab4', 'ab5'])).toEqual(['ab1'])
})

test('one slip per three letters is forgiven, a swap is one', () => {
  expect(likely('strat', COMMANDS)).toEqual(['start'])
  expect(likely('lgos', COMMANDS)).toEqual(['logs'])
  expect(likely('s', COMMANDS)).toEqual([])
  expect(likely('nope', COMMANDS)).toEqual([])
})
