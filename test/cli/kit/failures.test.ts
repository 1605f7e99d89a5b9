import { describe, expect, test } from 'bun:test'
import { defineCommand, type Program } from '../../../src/cli/kit/define.ts'
import { secret } from '../../../src/cli/kit/flags.ts'
import { OpenworkError } from '../../../src/shared/errors.ts'
import { run, sample } from './harness.ts'

test('a failure of many parts has a line for each, and is one sentence in JSON', async () => {
  const program = doing(async () => {
    const mirrors = { head: 'mirrors', parts: ['https://a: 404', 'https://b: cut\x1b[2Jshort'] }
    throw new OpenworkError(
      'sidecar_download_failed',
      { head: 'x could not be fetched', parts: ['bundled: none', mirrors, { head: 'npm', parts: ['not found'] }] },
      { hint: 'Check the network.' },
    )
  })
  expect((await run([], { program })).stderr).toBe(
    [
      'sample: x could not be fetched',
      '  bundled: none',
      '  mirrors',
      '    https://a: 404',
      '    https://b: cutshort',
      '  npm: not found',
      'Check the network.',
      '',
    ].join('\n'),
  )
  expect(JSON.parse((await run(['--json'], { program })).stdout).error).toBe(
    'x could not be fetched: bundled: none; mirrors: https://a: 404; https://b: cut\x1b[2Jshort; npm: not found',
  )
})

describe('a slip of the fingers is answered in one line, with what was probably meant', () => {
  const slips: [string, string, ...string[]][] = [
    ['start --aproval auto', 'unknown_flag', '--aproval', '--approval?'],
    ['start --no-tiu', 'unknown_flag', '--no-tiu', '--no-tui?'],
    ['start --no-workspace', 'unknown_flag', '--no-workspace'],
    ['start --frobnicate', 'unknown_flag', '--frobnicate', 'sample start --help'],
    ['start -json', 'unknown_flag', '-json', '--json?'],
    ['start ---tui', 'unknown_flag', '---tui'],
    ['start --__proto__=1', 'unknown_flag', '--__proto__'],
    ['start -x', 'unknown_flag', '-x', '`--`'],
    ['files read s1 -5', 'unknown_flag', '-5', '`--`'],
    ['--aproval auto start', 'unknown_flag', '--aproval', '--approval?'],
    ['start --openwork-url http://x', 'unknown_flag', 'does not take --openwork-url', '`status`'],
    ['--openwork-url http://x', 'unknown_flag', '`sample start` does not take', '`status`'],
    ['status --approval auto', 'unknown_flag', '`start` or `serve`'],
    ['stauts', 'unknown_command', '`sample stauts`', '`sample status`?'],
    ['aprovals reply x', 'unknown_command', '`sample approvals`?'],
    ['files wirte s1', 'unknown_command', '`sample files write`?'],
    ['files qqqqqqqqq', 'unknown_command', '`write`', '`read`'],
    ['daemon banana', 'unknown_command', '`stop`'],
    ['help banana', 'unknown_command', 'sample --help'],
    ['start banana', 'unexpected_argument', 'banana', 'no arguments'],
    ['workspace add a b', 'unexpected_argument', 'b', 'one argument'],
    ['files', 'missing_argument', '`sample files`', '`write` or `read`'],
    ['workspace add', 'missing_argument', '<folder>'],
    ['start --workspace', 'missing_value', '--workspace needs a value', '<path>'],
    ['start --workspace --approval auto', 'missing_value', '--workspace needs a value'],
    ['start --workspace -- auto', 'missing_value', '--workspace needs a value'],
    ['approvals reply x --allow', 'missing_flag', '--host-token', 'SAMPLE_HOST_TOKEN'],
  ]
  for (const [line, code, ...mentions] of slips)
    test(line, async () => {
      const argv = line.split(' ')
      const human = await run(argv)
      expect(human).toMatchObject({ code: 2, stdout: '', calls: [] })
      expect(human.stderr).toMatch(/^sample: [^\n]+\n$/)
      for (const mention of mentions) expect(human.stderr).toContain(mention)

      const machine = await run(['--json', ...argv])
      expect(machine).toMatchObject({ code: 2, stderr: '', calls: [] })
      expect(JSON.parse(machine.stdout)).toMatchObject({ ok: false, code, error: expect.any(String) })
    })
})

test('a group of commands alone is answered with each of them once, by its own name', async () => {
  const does = (path: string, aliases: string[] = []) =>
    defineCommand({ path, aliases, summary: 'Does it', flags: {}, run: async () => {} })
  const names = ['verify', 'gc', 'fetch', 'export', 'import', 'path']
  const cache = [does('cache ls', ['cache list']), ...names.map(name => does(`cache ${name}`))]

  const { stderr } = await run(['cache'], { program: { ...sample, commands: [...sample.commands, ...cache] } })

  expect(stderr).toBe(
    'sample: `sample cache` needs one more word. Expected `ls`, `verify`, `gc`, `fetch`, `export`, `import` or `path`. ' +
      'See `sample cache --help`.\n',
  )
})

test('hidden flags and commands are not suggested, but work', async () => {
  expect((await run(['start', '--internal-dev-mod'])).stderr).not.toContain('internal-dev-mode')
  expect((await run(['secret-handshak'])).stderr).not.toContain('secret-handshake')
  expect((await run(['secret-handshake', '--knock'])).calls[0]?.values).toEqual({ knock: true })
})

/** A program whose only command does what the test says. */
const doing = (act: Parameters<typeof command>[0]): Program => ({
  ...sample,
  defaultCommand: 'act',
  commands: [command(act)],
})

const command = (
  act: (output: Parameters<Parameters<typeof defineCommand>[0]['run']>[1]['output']) => Promise<number | undefined>,
) =>
  defineCommand({
    path: 'act',
    summary: 'Acts',
    flags: { token: secret({ summary: 'Token' }) },
    run: async (_, { output }) => await act(output),
  })

test('the exit code of a command is its return value', async () => {
  expect((await run([], { program: doing(async () => undefined) })).code).toBe(0)
  expect((await run([], { program: doing(async () => 7) })).code).toBe(7)
})

test('a failure a user can act on is one line, and what to do on the next', async () => {
  const program = doing(async () => {
    throw new OpenworkError('disk_full', 'It is\n  not \x1b[31mthere', { hint: 'Come back later.' })
  })
  expect(await run([], { program })).toMatchObject({
    code: 3,
    stdout: '',
    stderr: 'sample: It is not there\nCome back later.\n',
  })
  expect(JSON.parse((await run(['--json'], { program })).stdout)).toEqual({
    ok: false,
    error: 'It is\n  not \x1b[31mthere',
    code: 'disk_full',
    hint: 'Come back later.',
  })
})

test('a failure as JSON has its facts, without secrets', async () => {
  const program = doing(async () => {
    const urls = [{ url: 'https://x/a', problem: 'answered 404, asked with s3cret-of-ours' }]
    throw new OpenworkError('sidecar_download_failed', 'x could not be downloaded', { details: { urls } })
  })
  const { stdout } = await run(['--json', '--token', 's3cret-of-ours'], { program })
  expect(JSON.parse(stdout).details).toEqual({
    urls: [{ url: 'https://x/a', problem: 'answered 404, asked with [REDACTED]' }],
  })
})

test('a failure shows nothing of what strangers would have the terminal do', async () => {
  const said = 'No \x1b]0;evil\x07file "\u202egpj.exe"'
  const program = doing(async () => {
    throw new OpenworkError('file_not_found', said, { hint: said })
  })
  const shown = 'No file " gpj.exe"'
  expect((await run([], { program })).stderr).toBe(`sample: ${shown}\n${shown}\n`)
})

test('a failure that is that of a child ends with the exit code of the child', async () => {
  const program = doing(async () => {
    throw new OpenworkError('check_failed', 'opencode ended', { exitCode: 42 })
  })
  for (const argv of [[], ['--json']]) expect((await run(argv, { program })).code).toBe(42)
})

test('anything else is a bug and keeps its stack, and the stack of its cause', async () => {
  const program = doing(async () => {
    throw new TypeError('outer', { cause: new Error('inner') })
  })
  const human = await run([], { program })
  expect(human).toMatchObject({ code: 1, stdout: '' })
  expect(human.stderr).toContain('failures.test.ts')
  expect(human.stderr).toMatch(/Caused by: .*inner/)

  const machine = await run(['--json'], { program })
  expect(machine.code).toBe(1)
  expect(JSON.parse(machine.stdout)).toEqual({ ok: false, error: 'outer', code: 'internal_error' })
  expect(machine.stderr).toContain('failures.test.ts')
})

test('a thrown value that is no error is shown as well', async () => {
  const program = doing(async () => {
    throw 'just text'
  })
  expect((await run([], { program })).stderr).toContain('just text')
  expect(JSON.parse((await run(['--json'], { program })).stdout)).toMatchObject({ error: 'just text' })
})

test('with --json stdout holds exactly one document, also when the command fails after its result', async () => {
  const program = doing(async output => {
    output.note('working on it')
    output.result({ ready: true }, 'ready')
    throw new OpenworkError('not_available', 'It broke')
  })
  const { code, stdout, stderr } = await run(['--json'], { program })
  expect(code).toBe(2)
  expect(stdout).toBe('{\n  "ready": true\n}\n')
  expect(stderr).toBe('working on it\nsample: It broke\n')
})

test('a second result is a bug of the command', async () => {
  const program = doing(async output => {
    output.result(1, '1')
    output.result(2, '2')
    return 0
  })
  const { code, stdout, stderr } = await run([], { program })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '1\n' })
  expect(stderr).toContain('one result')
})

test('a secret given by flag is masked in what fails later, in notes and in JSON', async () => {
  const token = 'tok-8c1f2e'
  const program = doing(async output => {
    output.note(`asking with ${token}; pass --token to change it`)
    throw new OpenworkError('not_available', `The server refused ${token}`, { hint: `Is ${token} right?` })
  })
  for (const json of [[], ['--json']]) {
    const { stdout, stderr } = await run(['--token', token, ...json], { program })
    expect(stdout + stderr).not.toContain(token)
    expect(stderr).toContain('pass --token to change it')
  }
  const bug = doing(async () => {
    throw new Error(`bad header ${token}`)
  })
  expect((await run(['--token', token], { program: bug })).stderr).not.toContain(token)
})
