import { expect, test } from 'bun:test'
import { shortIds } from '../../../src/cli/hosts/short-ids.ts'

test('an id is shortened as far as it stays the only one that begins so', () => {
  expect(shortIds(['0123456789', 'abcdefghij'])).toEqual(['01234567', 'abcdefgh'])
  expect(shortIds(['0123456789', '0123456799'])).toEqual(['012345678', '012345679'])
  expect(shortIds(['abc', 'abcdefghijk', ''])).toEqual(['abc', 'abcdefgh', ''])
})
