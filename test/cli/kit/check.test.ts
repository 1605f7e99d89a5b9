import { expect, test } from 'bun:test'
import { checkProgram } from '../../../src/cli/kit/check.ts'
import { type CommandEntry, defineCommand } from '../../../src/cli/kit/define.ts'
import { bool, type Flags, text } from '../../../src/cli/kit/flags.ts'
import { sample } from './harness.ts'

const on = bool({ default: false, summary: 'On' })
const word = text({ summary: 'Word' })

const command = (path: string, flags: Flags, args: Parameters<typeof defineCommand>[0]['args'] = {}) =>
  defineCommand({ path, summary: 'Does it', flags, args, run: async () => 0 })

const problemsOf = async (...commands: CommandEntry[]) =>
  (await checkProgram({ ...sample, commands: [command('start', {}), ...commands] })).join('\n')

test('a sound program has no problems', async () => {
  expect(await checkProgram(sample)).toEqual([])
})

test('names that collide are found', async () => {
  expect(await problemsOf(command('start', {}))).toContain('two commands')
  expect(await problemsOf({ ...command('other', {}), aliases: ['start'] })).toContain('two commands')
  expect(await problemsOf(command('x', { json: on }))).toContain('global flag')
  expect(await problemsOf(command('x', { id: word }, { id: { summary: 'Id' } }))).toContain('same key')
  expect(await problemsOf(command('x', { halt: bool({ short: 'h', summary: 'Halt' }) }))).toContain('-h')
  expect(await problemsOf(command('help me', {}))).toContain('built in')
})

test('names that cannot be typed are found', async () => {
  expect(await problemsOf(command('Bad  path', {}))).toContain('lower-case')
  expect(await problemsOf(command('x', { 'kebab-key': word }))).toContain('camelCase')
  expect(await problemsOf(command('x', { noColor: on }))).toContain('negation')
})

test('arguments that could never be filled are found', async () => {
  const all = { summary: 'All', variadic: true } as const
  expect(await problemsOf(command('x', {}, { all, last: { summary: 'Last' } }))).toContain('nothing can follow')
  const maybe = { summary: 'Maybe', optional: true } as const
  expect(await problemsOf(command('x', {}, { maybe, last: { summary: 'Last' } }))).toContain('no required one')
})

test('a flag that takes a value in one command and none in another is found', async () => {
  expect(await problemsOf(command('x', { write: on }), command('y', { write: word }))).toContain('y --write')
})

test('a lazy entry that drifted from its module is found', async () => {
  const entry = { path: 'x', summary: 'Did it', load: async () => command('x', {}) }
  expect(await problemsOf(entry)).toContain('its summary differs')
})

test('a default command that does not exist is found', async () => {
  expect(await checkProgram({ ...sample, defaultCommand: 'begin' })).toEqual([
    'begin: the default command does not exist',
  ])
})
