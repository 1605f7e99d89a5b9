import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../../src/cli/commands/index.ts'
import { complete, type FindWords } from '../../src/cli/completions/complete.ts'
import { findWordsOf } from '../../src/cli/completions/find-words.ts'
import { installationOf, SHELLS, type Shell, scriptOf } from '../../src/cli/completions/scripts.ts'
import { withHelp } from '../../src/cli/kit/help-command.ts'
import { runsFolder } from '../../src/orchestrator/data-dir.ts'
import { openRunRecord } from '../../src/supervisor/run-record.ts'

const noWords: FindWords = async key => ({ candidates: [{ word: `a-${key}`, summary: '' }] })

/** What is offered for a line whose last word the cursor is in. */
async function offered(line: string): Promise<string[]> {
  const words = line.split(' ').slice(1)
  const current = words.pop() ?? ''
  const { candidates, shell } = await complete(program, { words, current }, noWords)
  return [...candidates.map(({ word }) => word), ...(shell ? [`:${shell}`] : [])]
}

test('commands, flags, values and names are offered where they may stand, and nowhere else', async () => {
  expect(await offered('openwork st')).toEqual(expect.arrayContaining(['start', 'status', 'stop']))
  expect(await offered('openwork daemon ')).toEqual(['run', 'start', 'stop', 'status'])
  expect(await offered('openwork start --appr')).toEqual(['--approval', '--approval-timeout'])
  expect(await offered('openwork --appr')).toEqual(['--approval', '--approval-timeout'])
  expect(await offered('openwork start --approval ')).toEqual(['manual', 'auto'])
  expect(await offered('openwork start --approval=a')).toEqual(['--approval=auto'])
  expect(await offered('openwork start --read-only=')).toEqual(['--read-only=true', '--read-only=false'])
  expect(await offered('openwork start --workspace ')).toEqual([':files'])
  expect(await offered('openwork start --no-t')).toContain('--no-tui')
  expect(await offered('openwork workspace remove ')).toEqual(['a-workspace'])
  expect(await offered('openwork workspace remove one ')).toEqual([])
  expect(await offered('openwork files read --json s1 ')).toEqual(['a-files'])
  expect(await offered('openwork nonsense ')).toEqual([])
  expect(await offered('openwork --nonsense ')).toEqual([])
  expect(await offered('openwork comp')).toEqual(['completions'])
})

test('the three words that bash makes of --flag=value are one', async () => {
  const at = (words: string[], current: string) => complete(program, { words, current }, noWords)

  for (const found of [at(['start', '--approval'], '='), at(['start', '--approval', '='], '')])
    expect((await found).candidates.map(({ word }) => word)).toEqual(['manual', 'auto'])
  expect((await at(['start', '--approval', '='], 'au')).candidates).toHaveLength(1)
})

test('settings are offered their values, and help nothing that is hidden', async () => {
  const place = { env: { OPENWORK_CONFIG: 'off' }, cwd: '/', home: '/' }
  const real = async (...words: string[]): Promise<string[]> => {
    const whole = withHelp(program)
    const { candidates, shell } = await complete(whole, { words, current: '' }, findWordsOf(whole, place))
    return [...candidates.map(({ word }) => word), ...(shell ? [`:${shell}`] : [])]
  }
  expect(await real('config', 'set', 'approval')).toEqual(['manual', 'auto'])
  expect(await real('config', 'set', '--command', 'start', 'read-only')).toEqual(['true', 'false'])
  expect(await real('config', 'set', 'workspace')).toEqual([':files'])
  expect(await real('config', 'set', 'nonsense')).toEqual([])
  for (const words of [['config', 'set', '--command'], ['help']]) {
    const commands = await real(...words)
    expect(commands).toContain('start')
    expect(commands).not.toContain('complete')
  }
})

test('no name is offered that a shell would take for more than a word', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwork-completions-'))
  try {
    const info = {
      workspace: '/w',
      serves: 'one',
      control: { baseUrl: 'http://127.0.0.1:1', token: 't' },
      openwork: { baseUrl: 'http://127.0.0.1:2', connectUrl: 'http://127.0.0.1:2' },
      opencode: { baseUrl: 'http://127.0.0.1:3', username: 'u', password: 'p' },
    }
    for (const runId of ['plain.1', '$(id)', '-f', 'a b', 'a;b'])
      await openRunRecord(runsFolder(dataDir), { runId, info })
    const place = { env: { OPENWORK_DATA_DIR: dataDir }, cwd: '/', home: '/' }
    const { candidates } = await complete(program, { words: ['stop'], current: '' }, findWordsOf(program, place))
    expect(candidates.map(({ word }) => word)).toEqual(['plain.1'])
  } finally {
    rmSync(dataDir, { recursive: true })
  }
})

test('every script says on top how to load it', () => {
  for (const shell of SHELLS) {
    const top = scriptOf(shell).split('\n').slice(0, 4)
    expect(top).toContain(`#   ${installationOf(shell)}`)
  }
})

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'openwork-completions-'))
  const main = join(import.meta.dir, '..', '..', 'src', 'bin', 'openwork.ts')
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'with space'))
  writeFileSync(join(folder, 'bin', 'openwork'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  chmodSync(join(folder, 'bin', 'openwork'), 0o755)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The lines a shell prints that has the script loaded and completes each of these lines; `--` stands between them. */
async function shell(name: Shell, argv: string[], program: string = name): Promise<string[][]> {
  writeFileSync(join(folder, `script.${name}`), scriptOf(name))
  const run = Bun.spawn([program, ...argv], {
    cwd: folder,
    env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, HOME: folder, TERM: 'dumb' },
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 30_000,
  })
  const [stdout, stderr] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited])
  expect(stderr).toBe('')
  return stdout.split('----\n').map(part => part.split('\n').filter(line => line !== ''))
}

test('bash completes', async () => {
  const ask = `ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _openwork; printf '%s\\n' "\${COMPREPLY[@]}" ----; }`
  const script = `source script.bash; ${ask}
    ask openwork stat; ask openwork daemon sta; ask openwork start --approval = a; ask openwork start --workspace with`
  expect((await shell('bash', ['--norc', '--noprofile', '-c', script])).slice(0, 4)).toEqual([
    ['status'],
    ['start', 'status'],
    ['auto'],
    ['with space'],
  ])
})

test.skipIf(!Bun.which('fish'))('fish completes', async () => {
  const lines = [
    'openwork stat',
    'openwork daemon sta',
    'openwork start --approval=a',
    'openwork start --workspace with',
  ]
  const script = `source script.fish; ${lines.map(line => `complete -C '${line}'; echo ----`).join('; ')}`
  const found = await shell('fish', ['--no-config', '-c', script])
  expect(found.slice(0, 4).map(part => part.map(line => line.split('\t')[0]))).toEqual([
    ['status'],
    ['start', 'status'],
    ['--approval=auto'],
    ['with space/'],
  ])
})

test.skipIf(!Bun.which('zsh'))('zsh completes', async () => {
  // What zsh's own functions get; they would need a terminal to show it.
  const script = `compdef() { }; _describe() { print -rl -- "\${(@P)2%%:*}"; }; _files() { print files; }
    source script.zsh
    ask() { words=("$@"); CURRENT=$#; PREFIX="\${@[-1]}"; _openwork; print -- ----; }
    ask openwork stat; ask openwork daemon sta; ask openwork start --approval=a; ask openwork start --workspace ''`
  expect((await shell('zsh', ['-f', '-c', script])).slice(0, 4)).toEqual([
    ['status'],
    ['start', 'status'],
    ['--approval=auto'],
    ['files'],
  ])
})

test.skipIf(!Bun.which('pwsh'))(
  `PowerShell completes${Bun.which('pwsh') ? '' : ': no pwsh here to try it with'}`,
  async () => {
    const lines = ['openwork stat', 'openwork daemon sta', 'openwork start --workspace with']
    const ask = lines.map(
      line =>
        `(TabExpansion2 -inputScript '${line}' -cursorColumn ${line.length}).CompletionMatches.CompletionText; '----'`,
    )
    const script = `Get-Content -Raw script.powershell | Invoke-Expression; ${ask.join('; ')}`
    const found = await shell('powershell', ['-NoProfile', '-NonInteractive', '-Command', script], 'pwsh')
    expect(found.slice(0, 2)).toEqual([['status'], ['start', 'status']])
    expect(found[2]?.[0]).toContain('with space')
  },
)
