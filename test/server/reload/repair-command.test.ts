import { expect, test } from 'bun:test'
import { withoutNullModel } from '../../../src/server/reload/repair-command.ts'

test.each([
  ['---\nmodel: null\n---\n', '---\n---\n'],
  ['---\nmodel:\n---\nbody', '---\n---\nbody'],
  ['---\nname: a\nmodel: ~ # none\nagent: b\n---\n', '---\nname: a\nagent: b\n---\n'],
  ['---\r\nname: a\r\nmodel: NULL\r\n---\r\nbody\r\n', '---\r\nname: a\r\n---\r\nbody\r\n'],
  ['---\nmodel : Null  \n---', '---\n---'],
])('%j loses its null model and nothing else', (before, after) => {
  expect(withoutNullModel(before)).toBe(after)
})

test.each([
  '',
  'model: null\n',
  '---\nmodel: a/null\n---\n',
  '---\nmodel: "null"\n---\n',
  '---\nmodel:\n  nested: 1\n---\n',
  '---\nother:\n  model: null\n---\n',
  '---\nname: a\n---\nmodel: null\n',
  '---\nmodel: null\nno end',
  '---\nMODEL: null\n---\n',
])('%j stays as it is', text => {
  expect(withoutNullModel(text)).toBeUndefined()
})
