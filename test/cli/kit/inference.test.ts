import { expect, expectTypeOf, test } from 'bun:test'
import { defineCommand } from '../../../src/cli/kit/define.ts'
import { bool, enumeration, integer, list, path, port, secret, text, url } from '../../../src/cli/kit/flags.ts'
import type { Secret } from '../../../src/shared/secret.ts'
import { run, sample } from './harness.ts'

test('what a command gets is typed by its table', async () => {
  const typed = defineCommand({
    path: 'typed',
    summary: 'Checked by tsc',
    args: {
      id: { summary: 'One' },
      maybe: { summary: 'Perhaps one', optional: true },
      rest: { summary: 'Any number', optional: true, variadic: true },
    },
    flags: {
      on: bool({ default: false, summary: '' }),
      undecided: bool({ summary: '' }),
      name: text({ summary: '' }),
      named: text({ default: '', allowEmpty: true, summary: '' }),
      token: secret({ env: 'TYPED_TOKEN', summary: '' }),
      hostToken: secret({ required: true, summary: '' }),
      mode: enumeration({ values: ['a', 'b'], summary: '' }),
      level: enumeration({ values: ['low', 'high'], aliases: { top: 'high' }, default: 'low', summary: '' }),
      count: integer({ summary: '' }),
      door: port({ default: 1, summary: '' }),
      items: list({ default: ['x'], summary: '' }),
      folder: path({ required: true, summary: '' }),
      site: url({ protocols: ['file'], summary: '' }),
    },
    async run(values, context) {
      expectTypeOf(values.id).toEqualTypeOf<string>()
      expectTypeOf(values.maybe).toEqualTypeOf<string | undefined>()
      expectTypeOf(values.rest).toEqualTypeOf<readonly string[]>()
      expectTypeOf(values.on).toEqualTypeOf<boolean>()
      expectTypeOf(values.undecided).toEqualTypeOf<boolean | undefined>()
      expectTypeOf(values.name).toEqualTypeOf<string | undefined>()
      expectTypeOf(values.named).toEqualTypeOf<string>()
      expectTypeOf(values.token).toEqualTypeOf<Secret | undefined>()
      expectTypeOf(values.hostToken).toEqualTypeOf<Secret>()
      expectTypeOf(values.mode).toEqualTypeOf<'a' | 'b' | undefined>()
      expectTypeOf(values.level).toEqualTypeOf<'low' | 'high'>()
      expectTypeOf(values.count).toEqualTypeOf<number | undefined>()
      expectTypeOf(values.door).toEqualTypeOf<number>()
      expectTypeOf(values.items).toEqualTypeOf<readonly string[]>()
      expectTypeOf(values.folder).toEqualTypeOf<string>()
      expectTypeOf(values.site).toEqualTypeOf<string | undefined>()
      expectTypeOf(context.source('level')).toEqualTypeOf<'flag' | 'env' | 'file' | 'default' | undefined>()
      // @ts-expect-error no such flag
      context.source('levle')
      // @ts-expect-error no such value
      values.nothing
      const { hostToken, ...rest } = values
      context.output.result({ ...rest, labels: [context.label('token'), context.label('level')] }, '')
    },
  })
  // @ts-expect-error the default is none of the values
  enumeration({ values: ['a', 'b'], default: 'c', summary: '' })
  // @ts-expect-error an alias for none of the values
  enumeration({ values: ['a', 'b'], aliases: { see: 'c' }, summary: '' })

  const argv = [
    '--json',
    'typed',
    '1',
    '--host-token',
    'abcdefgh',
    '--folder',
    'f',
    '--level',
    'top',
    '--site',
    'file:///x',
  ]
  const { stdout, stderr } = await run(argv, {
    program: { ...sample, commands: [...sample.commands, typed] },
    env: { TYPED_TOKEN: 'ijklmnop' },
  })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    id: '1',
    rest: [],
    on: false,
    named: '',
    token: '***',
    level: 'high',
    door: 1,
    items: ['x'],
    folder: '/work/f',
    site: 'file:///x',
    labels: ['TYPED_TOKEN', '--level'],
  })
})
