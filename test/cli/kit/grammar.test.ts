import { expect, test } from 'bun:test'
import { loaded, run } from './harness.ts'

const valuesOf = async (...argv: string[]) => {
  const { calls, stderr } = await run(argv)
  expect(stderr).toBe('')
  return calls[0]?.values
}

test('without a command the default command runs', async () => {
  expect((await run([])).calls[0]?.path).toBe('start')
  expect((await run(['--approval', 'auto'])).calls[0]).toMatchObject({ path: 'start', values: { approval: 'auto' } })
})

test('a value follows its flag as the next argument or behind the first equals sign', async () => {
  expect(await valuesOf('start', '--workspace', 'a', '--approval=auto')).toMatchObject({
    workspace: '/work/a',
    approval: 'auto',
  })
  expect(await valuesOf('files', 'write', 's1', '--content=a=b=c')).toMatchObject({ content: 'a=b=c' })
})

test('empty values and values that look like flags arrive as they were typed', async () => {
  expect(await valuesOf('files', 'write', 's1', '--content', '')).toMatchObject({ content: '' })
  expect(await valuesOf('files', 'write', 's1', '--content=')).toMatchObject({ content: '' })
  expect(await valuesOf('files', 'write', 's1', '--content', '--x')).toMatchObject({ content: '--x' })
  expect(await valuesOf('files', 'write', 's1', '--content', '-')).toMatchObject({ content: '-' })
  expect(await valuesOf('files', 'write', 's1', '--content', '007')).toMatchObject({ content: '007' })
  expect(await valuesOf('files', 'write', 's1', '--content', '=')).toMatchObject({ content: '=' })
  expect(await valuesOf('files', 'write', 's1', '--content=--force')).toMatchObject({
    content: '--force',
    force: false,
  })
})

test('a switch never takes the word after it', async () => {
  expect(await valuesOf('files', 'write', '--force', 's1', 'a.txt')).toMatchObject({
    force: true,
    session: 's1',
    target: 'a.txt',
  })
  expect(await valuesOf('--json', 'files', 'write', 's1')).toMatchObject({ session: 's1' })
  expect(await valuesOf('files', '--json', 'write', 's1')).toMatchObject({ session: 's1' })
})

test('a switch can be turned off, and set by the usual words', async () => {
  expect(await valuesOf('start', '--no-tui')).toMatchObject({ tui: false })
  for (const word of ['true', '1', 'yes', 'on', 'YES'])
    expect(await valuesOf('start', `--verbose=${word}`)).toMatchObject({ verbose: true })
  for (const word of ['false', '0', 'no', 'off', 'Off'])
    expect(await valuesOf('start', `--tui=${word}`)).toMatchObject({ tui: false })
})

test('of a flag given twice the last counts; a list adds up', async () => {
  expect(await valuesOf('start', '--approval', 'auto', '--approval', 'manual')).toMatchObject({ approval: 'manual' })
  expect(await valuesOf('start', '--tui', '--no-tui')).toMatchObject({ tui: false })
  expect(await valuesOf('start', '--no-tui', '--tui')).toMatchObject({ tui: true })
  expect(await valuesOf('start', '--cors', 'a, b;', '--cors', '["c,d"]')).toMatchObject({ cors: ['a', 'b', 'c,d'] })
})

test('two dashes end the flags', async () => {
  expect(await valuesOf('files', 'read', 's1', '--', '--limit', '-', '--help')).toMatchObject({
    session: 's1',
    targets: ['--limit', '-', '--help'],
    limit: undefined,
  })
  expect((await run(['--', 'status'])).calls[0]?.path).toBe('status')
})

test('a lone dash and an empty word are arguments', async () => {
  expect(await valuesOf('files', 'write', '-', '')).toMatchObject({ session: '-', target: '' })
})

test('flags may stand before and among the words of the command', async () => {
  const before = await run(['--openwork-url', 'http://box:1', '--json', 'status'])
  expect(before.calls).toMatchObject([{ path: 'status', values: { openworkUrl: 'http://box:1' } }])
  const among = await run(['files', '--content', 'read', 'write', 's1'])
  expect(among.calls).toMatchObject([{ path: 'files write', values: { content: 'read', session: 's1' } }])
})

test('the longest path wins, and an alias runs the same command', async () => {
  expect((await run(['daemon'])).calls[0]?.path).toBe('daemon')
  expect((await run(['daemon', '--daemon-port', '1', 'stop'])).calls[0]?.path).toBe('daemon stop')
  expect((await run(['workspaces', 'add', 'x'])).calls[0]).toMatchObject({
    path: 'workspace add',
    values: { folder: 'x' },
  })
})

test('only what is called is loaded', async () => {
  loaded.length = 0
  await run(['--version'])
  await run(['--help'])
  await run(['status'])
  expect(loaded).toEqual([])
  await run(['--json', 'files', 'read', 's1'])
  expect(loaded).toEqual(['files read'])
})
