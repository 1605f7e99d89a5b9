import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { program as openwork } from '../../../src/cli/commands/index.ts'
import type { Context } from '../../../src/cli/kit/context.ts'
import { defineCommand } from '../../../src/cli/kit/define.ts'
import { runCli } from '../../../src/cli/kit/run.ts'
import { confirmFolder } from '../../../src/cli/prompts/confirm-folder.ts'
import { askConfirm, askSelect, askText, canAsk, chooseHost } from '../../../src/cli/prompts/prompts.ts'
import { dataLayout } from '../../../src/orchestrator/data-dir.ts'

function terminal() {
  const rawModes: boolean[] = []
  const at = {
    stdin: Object.assign(new PassThrough(), { isTTY: true, setRawMode: (isRaw: boolean) => rawModes.push(isRaw) }),
    stdout: Object.assign(new PassThrough(), { isTTY: true }),
    stderr: Object.assign(new PassThrough(), { isTTY: true, columns: 80 }),
    json: false,
    env: {},
  }
  let shown = ''
  at.stderr.on('data', chunk => {
    shown += chunk
  })
  return {
    at,
    /** As the terminal was found. */
    isRestored: () => rawModes.length > 0 && rawModes.at(-1) === false,
    shown: () => stripVTControlCharacters(shown),
    /** When the question is on the screen: what is typed before it belongs to the shell. */
    type: async (...keys: string[]) => {
      if (shown === '') await once(at.stderr, 'data')
      for (const key of keys) at.stdin.write(key)
    },
  }
}

/** Not `expect(…).rejects`: until it has settled, that lets nothing else go on. */
const failureOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    error => error,
  )

const DOWN = '\x1b[B'

test('questions are put to people only', () => {
  const { at } = terminal()

  expect(canAsk(at)).toBe(true)
  expect(canAsk({ ...at, json: true })).toBe(false)
  expect(canAsk({ ...at, env: { CI: 'true' } })).toBe(false)
  expect(canAsk({ ...at, env: { TERM: 'dumb' } })).toBe(false)
  for (const stream of ['stdin', 'stdout', 'stderr']) expect(canAsk({ ...at, [stream]: new PassThrough() })).toBe(false)
})

test('one of several is chosen with the arrow keys, and texts of strangers do nothing to the terminal', async () => {
  const { at, shown, type } = terminal()
  const choices = [
    { value: { id: 1 }, label: 'first', hint: 'the hint' },
    { value: { id: 2 }, label: '\x1b[2Jsecond\r\nline' },
  ]

  const [chosen] = await Promise.all([askSelect('Which one?', choices, at), type(DOWN, '\r')])

  expect(chosen).toEqual({ id: 2 })
  expect(shown()).toContain('Which one?')
  expect(shown()).toContain('second line')
})

test('Enter means what was said; a text is asked for until it will do', async () => {
  for (const [enter, key, meant] of [
    [true, '\r', true],
    [false, '\r', false],
    [true, 'n', false],
    [false, 'y', true],
  ] as const) {
    const { at, type } = terminal()
    const [answer] = await Promise.all([askConfirm('Use it?', at, { enter }), type(key)])
    expect([enter, key, answer]).toEqual([enter, key, meant])
  }
  const { at, shown, type } = terminal()
  const check = (text: string) => (text === 'yes' ? undefined : 'Not this.')
  const [text] = await Promise.all([
    askText('Name?', at, { check }),
    type('\r', 'n', 'o', '\r', '\x7f', '\x7f', 'yes', '\r'),
  ])
  expect(text).toBe('yes')
  expect(shown()).toContain('Something must stand here.')
  expect(shown()).toContain('Not this.')
})

test('^C, ^D and the end of the terminal leave, and nothing is done', async () => {
  for (const leave of ['\x03', '\x04']) {
    const { at, type, isRestored } = terminal()
    const ended = failureOf(askConfirm('Use it?', at, { enter: true }))
    await type(leave)
    expect(await ended).toMatchObject({ code: 'interrupted', exitCode: 130 })
    expect(isRestored()).toBe(true)
  }
  const { at, type, isRestored } = terminal()
  const ended = failureOf(askSelect('Which one?', [{ value: 1, label: 'one' }], at))
  await type()
  at.stdin.end()
  expect(await ended).toMatchObject({ code: 'interrupted' })
  expect(isRestored()).toBe(true)
})

test('several hosts: a person chooses one, a program is told to', async () => {
  const { at, shown, type } = terminal()
  const hosts = [
    { runId: 'a1', pid: 11, workspace: '/projects/a', serves: 'one', baseUrl: 'http://127.0.0.1:8787' },
    { runId: 'b2', pid: 12, workspace: '/data/daemon', serves: 'listed', baseUrl: 'http://127.0.0.1:8788' },
  ] as const

  const [chosen] = await Promise.all([chooseHost(hosts, at), type(DOWN, '\r')])

  expect(chosen?.runId).toBe('b2')
  expect(shown()).toContain('/projects/a (http://127.0.0.1:8787, pid 11)')
  expect(await chooseHost(hosts, { ...at, json: true })).toBeUndefined()
})

test('who starts in their home folder without naming it is asked whether they mean it, the first time', async () => {
  const home = mkdtempSync(join(tmpdir(), 'openwork-home-'))
  const dataDir = join(home, 'data')
  const context = (at: object, source = 'default') => ({ ...at, home, source: () => source }) as unknown as Context
  const start = (at: object, workspace: string, source?: string) =>
    confirmFolder({ workspace, dataDir }, context(at, source))
  try {
    const { at } = terminal()
    await start(at, join(home, 'project'))
    await start(at, home, 'flag')
    await start({ ...at, json: true }, home)

    for (const folder of [home, '/']) {
      const { at, type, shown } = terminal()
      const refused = failureOf(start(at, folder))
      await type('\r')
      expect(await refused).toMatchObject({ code: 'interrupted', message: 'Nothing was started' })
      expect(shown().replaceAll(/\s+/g, ' ')).toContain('The agent and paired devices get to all of it.')
    }
    const meant = terminal()
    await Promise.all([start(meant.at, home), meant.type('y')])

    const { credentials } = dataLayout(dataDir, home)
    mkdirSync(dirname(credentials), { recursive: true })
    writeFileSync(credentials, '{}')
    await start(at, home)
  } finally {
    rmSync(home, { recursive: true })
  }
})

test('an argument that is missing is asked for before the command runs; a program is told of it', async () => {
  const ran: unknown[] = []
  const command = defineCommand({
    path: 'remove',
    summary: 'Remove one',
    args: {
      item: {
        summary: 'Which one',
        ask: async (_: object, context: Context) =>
          canAsk(context) ? await askSelect('Which one?', [{ value: 'first', label: 'first' }], context) : undefined,
      },
    },
    flags: {},
    run: async values => {
      ran.push(values)
    },
  })
  const program = { name: 'tool', version: '1', summary: 'A tool', commands: [command], defaultCommand: 'remove' }
  const { at, type } = terminal()
  const io = { ...at, cwd: '/', home: '/' }

  const [code] = await Promise.all([runCli(program, ['remove'], io), type('\r')])
  expect([code, ran]).toEqual([0, [{ item: 'first' }]])
  expect(await runCli(program, ['remove'], { ...io, env: { CI: '1' } })).toBe(2)
  expect(await runCli(program, ['remove', '--json'], io)).toBe(2)
})

test('the value of a setting and the URL of a remote workspace are asked for until they will do', async () => {
  const home = mkdtempSync(join(tmpdir(), 'openwork-home-'))
  const call = async (argv: string[], ...keys: string[]) => {
    const { at, type, shown } = terminal()
    const io = { ...at, cwd: '/', home, env: { XDG_CONFIG_HOME: home, OPENWORK_DATA_DIR: home } }
    const [code] = await Promise.all([runCli(openwork, argv, io), type(...keys)])
    return { code, shown: shown().replaceAll(/\s+/g, ' ') }
  }
  try {
    const port = await call(['config', 'set', 'openwork-port'], 'x', '\r', '\x7f', '8123', '\r')
    expect(port).toMatchObject({ code: 0, shown: expect.stringContaining('expected a port') })
    expect((await call(['config', 'set', 'approval'], DOWN, '\r')).code).toBe(0)
    expect(JSON.parse(readFileSync(join(home, 'openwork', 'config.json'), 'utf8'))).toEqual({
      'openwork-port': 8123,
      approval: 'auto',
    })
    // What is typed here would be seen.
    const secret = terminal()
    const io = { ...secret.at, cwd: '/', home, env: { XDG_CONFIG_HOME: home } }
    expect(await runCli(openwork, ['config', 'set', 'openwork-token'], io)).toBe(2)

    const remote = await call(['workspace', 'add-remote'], 'box', '\r', '\x03')
    expect(remote).toMatchObject({ code: 130, shown: expect.stringContaining('A URL that begins with') })
  } finally {
    rmSync(home, { recursive: true })
  }
})
