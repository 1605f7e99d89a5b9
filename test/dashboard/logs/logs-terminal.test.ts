import { expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { hasTmux, Tmux } from '../../terminal/tmux.ts'

const LIMIT_MS = 20_000
const PROGRAM = join(import.meta.dir, '..', '..', 'fixtures', 'dashboard', 'program.ts')

const eventually = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
  const endMs = performance.now() + LIMIT_MS
  for (;;) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    if (performance.now() > endMs) throw new Error(`${what}: not within ${LIMIT_MS} ms`)
    await Bun.sleep(40)
  }
}

/** The dashboard of a scripted host in a terminal, its log view open, with a clipboard program that writes a file. */
async function openLogs() {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-logs-'))
  const copied = join(folder, 'copied')
  const clipboard = join(folder, 'pbcopy')
  await writeFile(clipboard, `#!/bin/sh\ncat > '${copied}.part' && mv '${copied}.part' '${copied}'\n`)
  chmodSync(clipboard, 0o755)
  const control = join(folder, 'control')
  // tmux gives a pane its own PATH, whatever it is told.
  const path = `PATH=${folder}${delimiter}${process.env.PATH}`
  const argv = ['env', path, process.execPath, PROGRAM, control]
  const terminal = Tmux.start(argv, { columns: 100, rows: 24, cwd: folder })
  const url = await eventually('the control address', async () => (await readFile(control, 'utf8')) || undefined)
  const burst = async (lines: number): Promise<void> => {
    const signal = AbortSignal.timeout(LIMIT_MS)
    const answer = await fetch(`${url}/burst?lines=${lines}`, { method: 'POST', signal })
    await answer.body?.cancel()
  }
  terminal.keys('l')
  await terminal.shows('Nothing was logged yet.')
  return {
    terminal,
    folder,
    burst,
    copied: () => eventually('a copy', () => readFile(copied, 'utf8')),
    async [Symbol.asyncDispose]() {
      await terminal[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

test.skipIf(!hasTmux)('a log is filtered, searched, wrapped, copied and exported by keys', async () => {
  await using logs = await openLogs()
  const { terminal, folder } = logs
  await logs.burst(300)
  await terminal.shows('burst line 299')

  terminal.keys('s')
  await terminal.shows(/service opencode .*100 of 300 lines/)
  terminal.keys('e', 'e')
  await terminal.shows(/level warn\+ .*50 of 300 lines/)
  terminal.keys('s', 's', 's', 'e', 'e')
  await terminal.shows(/service all .* 300 lines/)

  // What is typed is no command: `q` would quit.
  terminal.keys('/')
  terminal.types('LINE q')
  await terminal.shows('/LINE q▏ no match')
  terminal.keys('C-u')
  terminal.types('line 29')
  await terminal.shows('/line 29▏ 11/11')
  terminal.keys('Enter', 'N')
  await terminal.shows(/follow off .*10\/11/)
  terminal.keys('n', 'n')
  await terminal.shows('1/11')
  terminal.keys('&')
  await terminal.shows(/matching only .*11 of 300/)

  terminal.keys('Y')
  await terminal.shows('11 lines')
  expect(await logs.copied()).toMatch(
    /^\S+Z \[openwork-orchestrator\] \w+ +burst line 29\n(.*\n){9}.*burst line 299\n$/,
  )

  terminal.keys('E')
  await terminal.shows(/Write to: openwork-logs-\S+\.log/)
  terminal.keys('Enter')
  const name = await eventually('the file', async () => (await readdir(folder)).find(each => each.endsWith('.log')))
  await terminal.shows('11 lines written to')
  expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  expect((await readFile(join(folder, name), 'utf8')).trim().split('\n')).toHaveLength(11)

  terminal.keys('Escape')
  await terminal.shows(screen => screen.includes('300 lines') && !screen.includes('matching only'))
  terminal.keys('W')
  await terminal.shows('wrap on')
})

test.skipIf(!hasTmux)('50,000 lines at once leave the keys alive, and no more lines than are kept', async () => {
  await using logs = await openLogs()
  const { terminal } = logs
  await logs.burst(50_000)
  await terminal.shows('burst line 49999')
  const burst = logs.burst(50_000)
  terminal.keys('e', 'e')
  await terminal.shows('level warn+')
  terminal.keys('e', 'e', 'k')
  await burst
  await terminal.shows(/follow off .* 10,000 lines/)
  await logs.burst(50_000)
  terminal.keys('G')
  await terminal.shows('burst line 149999')
  await terminal.shows(/ 10,000 lines/)
})
