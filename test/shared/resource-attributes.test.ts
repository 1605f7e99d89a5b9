import { expect, test } from 'bun:test'
import { parseResourceAttributes } from '../../src/shared/resource-attributes.ts'

test('resource attributes are read as OpenTelemetry writes them', () => {
  expect(parseResourceAttributes(undefined)).toEqual({})
  expect(parseResourceAttributes('a=1, b.c = two%20words ,d=x=y')).toEqual({ a: '1', 'b.c': 'two words', d: 'x=y' })
})

test('what is malformed is left out or kept as it is, never fatal', () => {
  expect(parseResourceAttributes('novalue,=1,,p=100%,ok=1')).toEqual({ p: '100%', ok: '1' })
})
