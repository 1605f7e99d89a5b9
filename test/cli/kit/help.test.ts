import { expect, test } from 'bun:test'
import { defineCommand } from '../../../src/cli/kit/define.ts'
import { renderHelp } from '../../../src/cli/kit/help.ts'
import { renderReference } from '../../../src/cli/kit/reference.ts'
import { run, type Terminal } from './harness.ts'

const help = async (argv: string[], terminal: Terminal = {}, env: Record<string, string> = {}) => {
  const { code, stdout, stderr, calls } = await run(argv, { terminal, env })
  expect({ code, stderr, calls }).toEqual({ code: 0, stderr: '', calls: [] })
  return stdout
}

test('help is printed wherever it is asked for, whatever else is wrong', async () => {
  const start = await help(['start', '--help'])
  for (const argv of [
    ['--help', 'start'],
    ['start', '-h'],
    ['help', 'start'],
    ['start', '--frobnicate', '--help', '--approval', 'banana'],
    ['start', '--workspace', '--help'],
  ])
    expect(await help(argv)).toBe(start)
  expect(await help(['stauts', '--help'])).toBe(await help(['--help']))
  expect(await help(['help'])).toBe(await help(['-h']))
})

test('help behind two dashes is a word, and after an equals sign a value', async () => {
  expect((await run(['files', 'write', 's1', '--', '--help'])).calls[0]?.values.target).toBe('--help')
  expect((await run(['files', 'write', 's1', '--content=--help'])).calls[0]?.values.content).toBe('--help')
})

test('the general help names every command that is not hidden, the global flags and an example', async () => {
  const text = await help(['--help'])
  for (const mention of [
    'start',
    'serve',
    'approvals reply',
    'files write',
    'help',
    '--json',
    '-h, --help',
    '~/project',
  ])
    expect(text).toContain(mention)
  expect(text).toMatch(/start .*\[default\]/)
  expect(text).not.toContain('secret-handshake')
})

test('the help of a command tells of each flag what it takes, its default and its variables', async () => {
  const text = (await help(['start', '--help'])).replaceAll(/\s+/g, ' ')
  for (const mention of [
    '--workspace <path> Folder [default: the current folder] [env: SAMPLE_WORKSPACE]',
    '--approval <manual|auto> Whether changes wait for an approval [default: manual] [env: SAMPLE_APPROVAL_MODE, SAMPLE_APPROVAL]',
    '--approval-timeout <ms> How long one waits [default: 30000 ms]',
    '--openwork-token <secret> Client token [env: SAMPLE_TOKEN]',
    '--[no-]tui Dashboard',
    '--verbose Say more [env: SAMPLE_VERBOSE]',
    'Server --approval',
  ])
    expect(text).toContain(mention)
  expect(text).not.toContain('internal-dev-mode')
})

test('a secret from the environment does not show in help', async () => {
  expect(await help(['start', '--help'], {}, { SAMPLE_TOKEN: 'hunter2hunter2' })).not.toContain('hunter2hunter2')
})

test('the help of a command shows how its arguments are typed', async () => {
  expect(await help(['help', 'files', 'read'])).toContain('sample files read <session> [<targets>…] [flags]')
  expect(await help(['help', 'workspace', 'add'])).toContain('sample workspaces add')
  expect((await help(['help', 'approvals', 'reply'])).replaceAll(/\s+/g, ' ')).toContain('Host token [required]')
})

test('the help of a group lists its commands, and that of a command what is below it', async () => {
  const files = await help(['files', '--help'])
  expect(files).toContain('files write')
  expect(files).not.toContain('approvals reply')
  expect(await help(['daemon', '--help'])).toContain('daemon stop')
})

test('help fits the terminal and has no trailing spaces', async () => {
  for (const columns of [40, 59, 80, 120, 300])
    for (const argv of [['--help'], ['start', '--help'], ['files', 'read', '--help']]) {
      const lines = (await help(argv, { columns })).split('\n')
      for (const line of lines) expect(line).toBe(line.trimEnd())
      const examples = lines.indexOf('Examples') // these are for copying, not for folding
      const folded = examples === -1 ? lines : lines.slice(0, examples)
      for (const line of folded) expect(line.length).toBeLessThanOrEqual(columns)
    }
})

test('help is coloured in a terminal only, and not against NO_COLOR', async () => {
  const isColoured = async (terminal: Terminal, env = {}) => (await help(['--help'], terminal, env)).includes('\x1b[')
  expect(await isColoured({ isTTY: true })).toBe(true)
  expect(await isColoured({ isTTY: false })).toBe(false)
  expect(await isColoured({ isTTY: true }, { NO_COLOR: '1' })).toBe(false)
  expect(await isColoured({ isTTY: true }, { TERM: 'dumb' })).toBe(false)
})

test('the version is bare text, and with --json a document', async () => {
  expect(await help(['--version'])).toBe('1.2.3\n')
  expect(await help(['start', '-v'])).toBe('1.2.3\n')
  expect(JSON.parse(await help(['-v', '--json']))).toEqual({ version: '1.2.3' })
  expect(JSON.parse(await help(['help', '--json'])).help).toContain('Commands')
})

test('a command that prints no single document with --json says what it prints', async () => {
  const stream = defineCommand({
    path: 'stream',
    summary: 'Lines',
    jsonText: 'Print records',
    flags: {},
    async run() {},
  })
  const plain = defineCommand({ path: 'plain', summary: 'Text', flags: {}, async run() {} })
  const program = { name: 'tool', version: '1', summary: 'A tool', commands: [stream, plain], defaultCommand: 'plain' }
  const look = { width: 100, color: false }

  expect(await renderHelp(program, ['stream'], look)).toMatch(/--json +Print records/)
  expect(await renderHelp(program, ['plain'], look)).toMatch(/--json +Print one JSON document/)
  expect(await renderReference(program)).toContain('`--json`: Print records.')
})
