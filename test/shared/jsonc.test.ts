import { expect, test } from 'bun:test'
import { editJsonc, type JsoncEdit, parseJsonc } from '../../src/shared/jsonc.ts'

const set = (key: string, value: unknown): JsoncEdit => ({ path: [key], value })
const remove = (...path: [key: string, nested?: string]): JsoncEdit => ({ path, value: undefined })

const FILE = `{
  // which model
  "model": "a/b", // the good one
  /* and the theme */
  "theme": "dark",
  "last": 1 // the end
}
`

test('a replaced value leaves everything around it as it is', async () => {
  expect(await editJsonc(FILE, [set('theme', 'light')])).toBe(FILE.replace('dark', 'light'))
})

test.each([
  ['model', FILE.replace('  "model": "a/b", // the good one', '   // the good one')],
  ['theme', FILE.replace('  "theme": "dark",\n', '')],
  ['last', FILE.replace('"dark",', '"dark"').replace('"last": 1 //', ' //')],
  ['absent', FILE],
])('without %s, the comments and the other keys are still there', async (key, expected) => {
  expect(await editJsonc(FILE, [remove(key)])).toBe(expected)
  const { [key]: _gone, ...rest } = { model: 'a/b', theme: 'dark', last: 1 } as Record<string, unknown>
  expect(await parseJsonc('x', expected)).toEqual(rest)
})

test.each([
  ['{"a":1}', '{}'],
  ['{"a":1,"b":2}', '{"b":2}'],
  ['{"b":2,"a":1}', '{"b":2}'],
  ['{"b":2,"a":1,}', '{"b":2,}'],
  ['{"a":1,"b":2,"a":3}', '{"b":2}'],
  ['{ "b": 2 /* , */ , "a": 1 }', '{ "b": 2 /* , */   }'],
  ['{\n\t"a": {\n\t\t"x": 1\n\t},\n\t"b": 2\n}', '{\n\t"b": 2\n}'],
  ['', ''],
  ['// nothing', '// nothing'],
])('%j without a is %j', async (before, after) => {
  expect(await editJsonc(before, [remove('a')])).toBe(after)
})

test('a nested key is put and taken out alone', async () => {
  const text = '{"permission":{"edit":"ask"}}'
  const put = await editJsonc(text, [{ path: ['permission', 'external_directory'], value: 'allow' }])
  expect(await parseJsonc('x', put)).toEqual({ permission: { edit: 'ask', external_directory: 'allow' } })
  const gone = await editJsonc(put, [remove('permission', 'external_directory')])
  expect(await parseJsonc('x', gone)).toEqual({ permission: { edit: 'ask' } })
})

test('what is added looks like the rest of the file', async () => {
  expect(await editJsonc('{\r\n    "a": 1\r\n}\r\n', [set('b', { c: 1 })])).toBe(
    '{\r\n    "a": 1,\r\n    "b": {\r\n        "c": 1\r\n    }\r\n}\r\n',
  )
  expect(await editJsonc('{\n\t"a": 1\n}', [set('b', [])])).toBe('{\n\t"a": 1,\n\t"b": []\n}')
  expect(await editJsonc('', [set('a', 1), set('b', 2)])).toBe('{\n  "a": 1,\n  "b": 2\n}\n')
  expect(await editJsonc('{"a": [1,2]}', [set('b', { c: 1 })])).toBe('{"a": [1,2], "b": {"c":1}}')
  expect(await editJsonc('{\n  "a": 1, // why\n}\n', [set('b', 2)])).toBe('{\n  "a": 1, // why\n  "b": 2,\n}\n')
  expect(await editJsonc('{\n  "a": 1 // why\n}\n', [set('b', 2)])).toBe('{\n  "a": 1, // why\n  "b": 2\n}\n')
  expect(await editJsonc('{}', [set('a', 1)])).toBe('{\n  "a": 1\n}')
  expect(await editJsonc('{ // nothing yet\n}', [set('a', 1)])).toBe('{ // nothing yet\n  "a": 1\n}')
  expect(await editJsonc('// mine', [set('a', 1)])).toBe('// mine\n{\n  "a": 1\n}\n')
  expect(await editJsonc('// mine\n', [set('a', 1)])).toBe('// mine\n{\n  "a": 1\n}\n')
  expect(await editJsonc('{\n  "m": {\n    "x": [1,2]\n  }\n}', [{ path: ['m', 'y'], value: { z: 1 } }])).toBe(
    '{\n  "m": {\n    "x": [1,2],\n    "y": {\n      "z": 1\n    }\n  }\n}',
  )
  expect(await editJsonc('{\n  "a": 1\n}', [{ path: ['m', 'y'], value: 1 }])).toBe(
    '{\n  "a": 1,\n  "m": {\n    "y": 1\n  }\n}',
  )
})

test('any sequence of edits leaves a file that holds exactly what was asked for', async () => {
  const keys = ['a', 'b', 'ü"\\', '']
  const values = [1, 'x // y', null, ['{', { deep: '/*' }], { a: ',' }, undefined]
  let state = 7
  const pick = <Item>(items: readonly Item[]): Item => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return items[state % items.length] as Item
  }
  let text = '{\n  // first\n  "a": 1, // after a\n  "b": [1,],\n  // last\n}\n'
  const expected = new Map<string, unknown>([
    ['a', 1],
    ['b', [1]],
  ])
  for (let round = 0; round < 300; round += 1) {
    const [key, value] = [pick(keys), pick(values)]
    text = await editJsonc(text, [set(key, value)])
    if (value === undefined) expected.delete(key)
    else expected.set(key, value)
    expect(new Map(Object.entries(await parseJsonc('x', text)))).toEqual(expected)
    for (const comment of ['// first', '// last']) expect(text).toContain(comment)
  }
})

test('a broken file is named with its place', async () => {
  const failure = parseJsonc('opencode.json', '{\n  "model": \n}').catch(error => error)
  expect(await failure).toMatchObject({
    code: 'invalid_jsonc',
    message: 'opencode.json:3:1: not JSON: a value is missing',
    details: [{ code: 'ValueExpected', offset: 14, length: 1 }],
  })
  const deep = `{"a":${'['.repeat(200_000)}`
  for (const text of [deep, '[]', '"text"', 'null', '{"a":1} x'])
    expect(await parseJsonc('x', text).catch(error => error.code)).toBe('invalid_jsonc')
})
