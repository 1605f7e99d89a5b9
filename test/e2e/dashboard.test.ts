// The dashboard of a real host in a real terminal, from its start to its end.
import { expect, test } from 'bun:test'
import { basename } from 'node:path'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { hasTmux, Tmux } from '../terminal/tmux.ts'
import { eventually, isAlive, newMoodyWorld, newWorld, OPENCODE, OPENWORK } from './harness.ts'

const SHELL = 'shell> '
const COLORS = /\x1b\[[\d;]*(?:3[1-7]|9[0-7])m/
/** opencode starts in it, on a machine that does other things too. */
const START_MS = 60_000

test.skipIf(!hasTmux)('a host is watched, answered, left in the background, found again and stopped', async () => {
  await using model = startModelProvider({ held: true })
  await using world = await newWorld(workspaceConfig(model.url))
  const env = { ...world.env, PS1: SHELL, TERM: 'tmux-256color' }
  await using terminal = Tmux.start(['bash', '--norc', '-i'], { columns: 110, rows: 34, cwd: world.workspace, env })
  const command = async (line: string, variables = ''): Promise<void> => {
    await terminal.shows(screen => screen.trimEnd().endsWith(SHELL.trim()))
    terminal.types(`clear; ${variables} '${OPENWORK}' ${line}`)
    terminal.keys('Enter')
  }

  await command('start --openwork-port 0')
  await terminal.shows(/● All green[\s\S]*opencode\s+● ready/, START_MS)
  expect(await terminal.shows('CONNECT')).toContain(`openwork ${basename(world.workspace)}`)
  terminal.keys('s')
  const revealed = await terminal.shows(/Client\s+\S{20}/)
  const found = (pattern: RegExp): string => pattern.exec(revealed)?.[1] ?? ''
  const [url, token] = [found(/OpenWork\s+(http\S+)/), found(/Client\s+(\S+)/)]
  terminal.keys('s')
  await terminal.shows(screen => !screen.includes(token))

  const asked = async (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(30_000),
    })
  const { items } = (await (await asked('/workspaces')).json()) as { items: { id: string }[] }
  const change = (theme: string) =>
    asked(`/workspace/${items[0]?.id}/config`, { method: 'PATCH', body: JSON.stringify({ openwork: { theme } }) })
  terminal.keys('a')
  for (const [key, status] of [
    ['y', 200],
    ['n', 403],
  ] as const) {
    const changed = change(key)
    await terminal.shows(screen => /Asked by\s+.*collaborator/.test(screen) && !screen.includes('in a moment'))
    terminal.keys(key)
    expect((await changed).status).toBe(status)
    await terminal.shows('Nothing waits for an answer.')
  }
  terminal.keys('l')
  await terminal.shows(/server\s+INFO/)

  // A prompt that opencode has only just been given, and does not show yet, is work as well.
  const post = (path: string, body: object) => asked(path, { method: 'POST', body: JSON.stringify(body) })
  const { id } = (await (await post('/opencode/session', { title: 'Long job' })).json()) as { id: string }
  const prompt = { parts: [{ type: 'text', text: 'What is the answer?' }] }
  expect((await post(`/opencode/session/${id}/prompt_async`, prompt)).status).toBe(204)
  terminal.keys('q')
  await terminal.shows(/Stop the host\?[\s\S]*would be ended:\s+• /)
  terminal.keys('n')
  await model.turn(0)

  terminal.keys('d')
  await terminal.shows(/openwork stop[\s\S]*shell>/)
  expect(terminal.everything()).not.toContain(token)
  const opencode = world.pidOf(OPENCODE)
  await command('ps')
  await terminal.shows('detached')
  await command('dashboard')
  await terminal.shows(/● All green[\s\S]*opencode\s+● ready/)
  terminal.keys('q')
  await command('dashboard', 'NO_COLOR=1')
  await terminal.shows(/● All green[\s\S]*opencode\s+● ready/)
  expect(terminal.styled()).not.toMatch(COLORS)
  terminal.keys('q')
  await command('dashboard', 'TERM=dumb')
  await terminal.shows('opencode: ready')
  terminal.types('status')
  terminal.keys('Enter')
  await terminal.shows(/Connect: http[\s\S]*at work/)
  terminal.types('quit')
  terminal.keys('Enter')
  await command('logs -f')
  await terminal.shows('opencode')
  terminal.keys('C-c')
  expect(isAlive(opencode)).toBe(true)
  await command('restart opencode')
  await terminal.shows(/1 session would end: "Long job"\. Restart opencode\?/)
  terminal.keys('n')
  await terminal.shows('was not restarted')
  await command('stop')
  await terminal.shows(/1 session would end: "Long job"\. Stop it\?/)
  terminal.keys('y')
  await terminal.shows('Ended 1 session')
  await eventually('the host is gone', () => !isAlive(opencode))
  await terminal.shows(screen => screen.trimEnd().endsWith(SHELL.trim()))
})

test.skipIf(!hasTmux)(
  'a host that ends by itself is shown until that was read, and fails as without a dashboard',
  async () => {
    await using world = await newMoodyWorld('crashes')
    const script = `'${OPENWORK}' start --openwork-port 0; echo "ended with $?"`
    const env = { ...world.env, TERM: 'tmux-256color' }
    await using terminal = Tmux.start(['sh', '-c', script], { columns: 110, rows: 34, cwd: world.workspace, env })

    const screen = await terminal.shows('THE HOST HAS ENDED', START_MS)
    expect(screen).toMatch(/opencode\s+✖ gave-up[\s\S]*exited with code 3; 6 crashes, 5 are allowed/)
    expect(screen.split('LAST LINES OF opencode')[1]).toContain('cannot go on')
    expect(screen).not.toContain('R restarts it')
    terminal.keys('l', '/')
    terminal.types('cannot go on')
    terminal.keys('Enter')
    await terminal.shows('/cannot go on 6/6')
    terminal.keys('q')
    // A terminal whose program has ended may have scrolled.
    await terminal.shows(() => /opencode gave up: exited with code 3[\s\S]*ended with 3/.test(terminal.everything()))
    expect(world.processes()).toEqual([])
  },
)

test.skipIf(!hasTmux)(
  'start prints lines in a terminal that cannot be drawn on, and draws without colours',
  async () => {
    await using world = await newMoodyWorld('calm')
    const env = { ...world.env, PS1: SHELL, TERM: 'tmux-256color' }
    await using terminal = Tmux.start(['bash', '--norc', '-i'], { columns: 110, rows: 34, cwd: world.workspace, env })
    const start = async (variables: string): Promise<void> => {
      await terminal.shows(screen => screen.trimEnd().endsWith(SHELL.trim()))
      terminal.types(`clear; ${variables} '${OPENWORK}' start --openwork-port 0`)
      terminal.keys('Enter')
    }

    await start('TERM=dumb')
    await terminal.shows('Stop with Ctrl-C.', START_MS)
    expect(terminal.value('alternate_on')).toBe('0')
    expect(terminal.styled()).not.toMatch(COLORS)
    terminal.keys('C-c')

    await start('NO_COLOR=1')
    await terminal.shows(/● All green[\s\S]*opencode\s+● ready/, START_MS)
    expect(terminal.value('alternate_on')).toBe('1')
    expect(terminal.styled()).not.toMatch(COLORS)
    terminal.keys('q')
    await terminal.shows('Stop the host?')
    terminal.keys('y')
    await terminal.shows('openwork has stopped')
    await eventually('nothing is left but the shell', () => world.processes().length === 1)
  },
)
