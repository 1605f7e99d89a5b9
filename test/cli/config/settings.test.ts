import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { program } from '../../../src/cli/commands/index.ts'
import { loadSettings } from '../../../src/cli/config/load-settings.ts'
import { settingsPath } from '../../../src/cli/config/settings-file.ts'
import type { Context, Source } from '../../../src/cli/kit/context.ts'
import { defineCommand, type Program } from '../../../src/cli/kit/define.ts'
import { bool, enumeration, integer, list, path, secret, text } from '../../../src/cli/kit/flags.ts'
import { runCli } from '../../../src/cli/kit/run.ts'

let home: string
let file: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'openwork-settings-'))
  mkdirSync(join(home, 'openwork'))
  file = join(home, 'openwork', 'config.json')
})
afterAll(() => rmSync(home, { recursive: true }))

type Seen = { values: Record<string, unknown>; source: (key: string) => Source; label: (key: string) => string }

/** A program with two commands, that keeps what they get. */
function tool() {
  const seen: Seen[] = []
  const keep = async (values: object, { source, label }: Pick<Context, 'source' | 'label'>) => {
    seen.push({ values: { ...values }, source, label } as Seen)
  }
  const commands = [
    defineCommand({
      path: 'run',
      summary: 'Run',
      flags: {
        approval: enumeration({ values: ['manual', 'auto'], default: 'manual', env: 'T_APPROVAL', summary: 'How' }),
        limit: integer({ default: 10, max: 100, summary: 'How many' }),
        cors: list({ default: [], summary: 'Origins' }),
        folder: path({ summary: 'Where' }),
        opencodeBin: text({ summary: 'What runs' }),
        quiet: bool({ default: false, summary: 'Less' }),
        token: secret({ summary: 'Secret' }),
        force: bool({ default: false, perCall: true, summary: 'Now' }),
      },
      run: keep,
    }),
    defineCommand({ path: 'other', summary: 'Other', flags: { size: integer({ summary: 'Size' }) }, run: keep }),
  ]
  const given: Program = { name: 'tool', version: '1', summary: 'A tool', commands, defaultCommand: 'run' }
  const whole: Program = { ...given, settings: (command, io) => loadSettings(given, command, io) }
  return {
    seen,
    async call(argv: string[], env: Record<string, string> = {}) {
      const stderr = new PassThrough()
      const io = { cwd: '/', home, stdin: new Readable({ read() {} }), stdout: new PassThrough(), stderr }
      const code = await runCli(whole, argv, { ...io, env: { XDG_CONFIG_HOME: home, ...env } })
      return { code, stderr: String(stderr.read() ?? ''), last: seen.at(-1) }
    },
  }
}

function write(settings: string, mode = 0o600): void {
  writeFileSync(file, settings)
  chmodSync(file, mode)
}

test('a flag counts before a variable, that before a section of the file, that before its rest, and that before the default', async () => {
  const { call } = tool()
  write(`{
    // for all
    "approval": "auto", "limit": 20, "cors": ["https://a.example", "b,c"], "quiet": true, "folder": "here",
    "commands": { "run": { "limit": 30 }, "other": { "size": 1 } },
  }`)

  const { last } = await call(['run', '--limit', '7'])
  expect(last?.values).toMatchObject({ approval: 'auto', limit: 7, cors: ['https://a.example', 'b,c'], quiet: true })
  expect(last?.values.folder).toBe(join(home, 'openwork', 'here'))
  expect([last?.source('limit'), last?.source('approval'), last?.source('token')]).toEqual(['flag', 'file', undefined])
  expect(last?.label('approval')).toBe(`approval in ${file}`)

  const fromSection = await call(['run'], { T_APPROVAL: 'manual' })
  expect(fromSection.last?.values).toMatchObject({ approval: 'manual', limit: 30 })
  expect(fromSection.last?.source('approval')).toBe('env')

  const without = await call(['run'], { OPENWORK_CONFIG: 'off' })
  expect(without.last?.values).toMatchObject({ approval: 'manual', limit: 10, cors: [], quiet: false })
})

test('what cannot be is refused with its place, its key, what was expected and what stands there', async () => {
  const { call, seen } = tool()
  for (const [settings, message] of [
    ['{\n  "approval": "atuo"\n}', ':2:15: approval: expected manual or auto, got "atuo". Did you mean auto?'],
    ['{"limit": "20"}', ':1:11: limit: expected a number, got "20"'],
    ['{"limit": 101}', ':1:11: limit: expected a whole number, from 0 to 100, got "101"'],
    ['{"quiet": "yes"}', ':1:11: quiet: expected true or false, got "yes"'],
    ['{"cors": "a"}', ':1:10: cors: expected a list of texts in brackets, got "a"'],
    ['{"aproval": "auto"}', ':1:2: aproval is no setting. Did you mean approval?'],
    ['{"commands": {"run": {"lmit": 1}}}', ':1:23: lmit is no setting of `run`. Did you mean limit?'],
    ['{"commands": {"run": {"force": true}}}', ':1:23: force is no setting: it says what one call is to do'],
    ['{"approval" "auto"}', ':1:13: not JSON: a : is missing'],
    ['[]', ':1:1: expected an object, got a list'],
    ['{"limit": 1, "limit": 2}', ':1:14: limit is given twice'],
    ['{"opencode-bin": "./tools/opencode"}', ':1:18: opencode-bin: expected an absolute path'],
  ] as const) {
    write(settings)
    const { code, stderr } = await call(['run'])
    expect([settings, code]).toEqual([settings, 2])
    expect(stderr).toContain(`tool: ${file}${message}`)
  }
  expect(seen).toEqual([])
})

test('what is for another command, or is said by a flag, does not hold one up', async () => {
  const { call } = tool()
  write('{"size": "large", "force": true, "limit": "many", "$schema": "x", "unheard-of": 1, "commands": {"othr": {}}}')

  expect((await call(['run', '--limit', '1'])).code).toBe(0)
  expect((await call(['other'])).stderr).toContain('size: expected a number, got "large"')
  expect((await call(['--version'])).code).toBe(0)
  expect((await call(['run', '--help'])).code).toBe(0)
})

test('a secret may stand in a file that nobody else reads, and is not shown by what goes wrong with it', async () => {
  const { call } = tool()
  write('{"token": "tok-8f2e1"}')
  expect(String((await call(['run'])).last?.values.token)).not.toContain('tok-8f2e1')

  write('{"token": "tok-8f2e1"}', 0o644)
  expect(await call(['run'])).toMatchObject({ code: 3, stderr: expect.stringContaining(`chmod 600 ${file}`) })
  write('{"token": ["tok-8f2e1"]}')
  const { code, stderr } = await call(['run'])
  expect(code).toBe(2)
  expect(stderr).not.toContain('tok-8f2e1')
})

test('a file that others can write to is not read, and neither are a pipe, a folder or one without end', async () => {
  const { call } = tool()
  write('{}', 0o666)
  expect((await call(['run'])).code).toBe(3)
  for (const named of [home, '/dev/zero']) expect((await call(['run'], { OPENWORK_CONFIG: named })).code).toBe(3)
  const missing = join(home, 'missing.json')
  const refused = await call(['run'], { OPENWORK_CONFIG: missing })
  expect(refused.code).toBe(3)
  expect(refused.stderr).toContain(`OPENWORK_CONFIG names ${missing}, which is not there`)
})

test('a file that others can put another one in the place of is not read, nor one of somebody else by root', async () => {
  const { call } = tool()
  write('{}')
  const folder = join(home, 'openwork')
  chmodSync(folder, 0o777)
  expect(await call(['run'])).toMatchObject({ code: 3, stderr: expect.stringContaining(`chmod o-w ${folder}`) })
  chmodSync(folder, 0o1777) // as /tmp
  expect((await call(['run'])).code).toBe(0)
  chmodSync(folder, 0o755)
  if (process.getuid?.() !== 0) return // nobody else can give a file away
  chownSync(file, 12_345, 12_345)
  expect(await call(['run'])).toMatchObject({ code: 3, stderr: expect.stringContaining('another user (12345)') })
  chownSync(file, 0, 0)
})

test('brackets without end, and very many keys, are a mistake of the file and nothing worse', async () => {
  const { call } = tool()
  write('['.repeat(400_000))
  expect(await call(['run'])).toMatchObject({ code: 2, stderr: expect.stringContaining('nested too deeply') })
  write(`{${Array.from({ length: 50_000 }, (_, index) => `"${index}":1`).join()},"7":1}`)
  expect(await call(['run'])).toMatchObject({ code: 2, stderr: expect.stringContaining('7 is given twice') })
})

test('the file is the one of the user, wherever they are', () => {
  const at = { cwd: '/project', home: '/home/ada' }
  expect(settingsPath({ ...at, env: {} })).toBe('/home/ada/.config/openwork/config.json')
  expect(settingsPath({ ...at, env: { XDG_CONFIG_HOME: 'relative' } })).toBe('/home/ada/.config/openwork/config.json')
  expect(settingsPath({ ...at, env: { XDG_CONFIG_HOME: '/x' } })).toBe('/x/openwork/config.json')
  expect(settingsPath({ ...at, env: { OPENWORK_CONFIG: '~/mine.json' } })).toBe('/home/ada/mine.json')
  expect(settingsPath({ ...at, env: { OPENWORK_CONFIG: 'off' } })).toBeUndefined()
})

async function openwork(argv: string[], typed = '', env: Record<string, string> = { XDG_CONFIG_HOME: home }) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const stdin = Readable.from([typed])
  const code = await runCli(program, argv, { env, cwd: '/', home, stdin, stdout, stderr })
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

test('config set, get, list and unset keep what else is in the file, check what they are given, and mask secrets', async () => {
  const real = join(home, 'dotfiles.json')
  writeFileSync(real, '{\n  // mine\n  "approval": "manual", // for now\n}\n')
  rmSync(file, { force: true })
  symlinkSync(real, file)

  expect(await openwork(['config', 'set', 'approval', 'auto'])).toMatchObject({ code: 0 })
  await openwork(['config', 'set', 'cors', 'https://a.example', 'https://b.example'])
  await openwork(['config', 'set', 'limit', '50', '--command', 'files catalog'])
  await openwork(['config', 'set', 'openwork-token', '-'], 'tok-5e1f2e\n')

  const settings = readFileSync(real, 'utf8')
  expect(settings).toContain('// mine\n  "approval": "auto", // for now')
  expect(settings).toContain('tok-5e1f2e')
  expect(statSync(real).mode & 0o777).toBe(0o600)
  const shown = await openwork(['config', 'list'])
  expect(shown.stdout).toMatch(/limit +50 +files catalog +/)
  expect(shown.stdout).toMatch(/openwork-token +\*\*\* +all/)
  expect(shown.stdout).not.toContain('tok-5e1f2e')
  expect((await openwork(['config', 'get', 'limit', '--command', 'files catalog'])).stdout).toBe('50\n')
  expect(JSON.parse((await openwork(['config', 'get', 'approval', '--json'])).stdout)).toMatchObject({
    value: 'auto',
    source: 'file',
  })
  expect((await openwork(['config', 'unset', 'openwork-token'])).code).toBe(0)
  expect(readFileSync(real, 'utf8')).not.toContain('tok-5e1f2e')

  for (const [argv, message] of [
    [['approval', 'atuo'], 'approval: expected manual or auto, got "atuo". Did you mean auto?'],
    [['aproval', 'auto'], 'aproval is no setting. Did you mean approval?'],
    [['delete', 'true'], 'delete is no setting: it says what one call is to do'],
    [['file', '/tmp/x'], 'file is no setting: it says what one call is to do'],
    [['approval', 'auto', '--command', 'strat'], 'No command is called strat. Did you mean start?'],
  ] as const) {
    const refused = await openwork(['config', 'set', ...argv])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(message)
  }
  writeFileSync(real, '{"approval": "atuo", "aprovals": 1, "commands": {"serv": {"approval": "auto"}}}')
  const listed = await openwork(['config', 'list', '--json'])
  expect(listed.code).toBe(2)
  expect(JSON.parse(listed.stdout).problems).toHaveLength(3)
})

test('the schema has a name, and knows all that can be set and nothing else', async () => {
  const { stdout } = await openwork(['config', 'schema'])
  const { $id, properties } = JSON.parse(stdout)

  expect($id).toBe('urn:openwork:settings')
  expect(Object.keys(properties)).toEqual(expect.arrayContaining(['$schema', 'approval', 'commands']))
  expect(properties).not.toHaveProperty('file')
  expect(properties.commands.properties).not.toHaveProperty('complete')
})

test('a file that is named and not there is told of by all but what makes it', async () => {
  const named = { OPENWORK_CONFIG: join(home, 'new', 'mine.json') }
  expect(await openwork(['config', 'unset', 'approval'], '', named)).toMatchObject({ code: 3 })
  expect(await openwork(['config', 'list'], '', named)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('which is not there'),
  })
  expect(await openwork(['config', 'set', 'approval', 'auto'], '', named)).toMatchObject({ code: 0, stderr: '' })
  expect(await openwork(['config', 'get', 'approval'], '', named)).toMatchObject({ code: 0, stdout: 'auto\n' })
})
