import { describe, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PAIRING_URL, SECRETS, session, snapshot } from '../fixtures/dashboard/snapshot.ts'
import { hasTmux, Tmux } from '../terminal/tmux.ts'
import { openDashboard, PROGRAM, pidOf } from './open-dashboard.ts'

/** It has been there for long enough to be read. */
const canAnswer = (screen: string) => screen.includes('Asked by') && !screen.includes('in a moment')

describe.skipIf(!hasTmux)('in a terminal', () => {
  test('views open by their keys, follow the size of the window, and approvals are answered in place', async () => {
    await using dashboard = await openDashboard()
    const { terminal } = dashboard
    const seen = { l: 'follow on', v: 'Session one', w: 'not set up', '?': 'Copy the attach command', o: 'CONNECT' }
    for (const [key, text] of Object.entries(seen)) {
      terminal.types(key)
      await terminal.shows(text)
    }
    for (const [columns, rows] of [
      [200, 60],
      [40, 10],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows)
      await terminal.shows(screen => {
        const lines = screen.trimEnd().split('\n')
        return (
          lines.length === rows &&
          lines[0]?.startsWith('openwork demo') === true &&
          lines.at(-1)?.includes('quit') === true
        )
      })
    }
    terminal.resize(30, 5)
    await terminal.shows('Make the window larger')
    terminal.resize(80, 24)
    await terminal.shows('CONNECT')

    await dashboard.approval('req_1')
    await terminal.shows('Approvals (1)')
    terminal.keys('a')
    await terminal.shows(canAnswer)
    terminal.keys('y')
    await terminal.shows('Allowed')
    await terminal.shows('Nothing waits for an answer.')
    await dashboard.approval('req_2')
    await terminal.shows(canAnswer)
    terminal.keys('n')
    await terminal.shows('Denied')
    terminal.keys('o', 'Down', 'R')
    await terminal.shows('opencode was restarted')
    expect(await dashboard.calls()).toEqual([
      { call: 'reply', value: { id: 'req_1', reply: 'allow' } },
      { call: 'reply', value: { id: 'req_2', reply: 'deny' } },
      { call: 'restart', value: { name: 'opencode', force: false } },
    ])
    await dashboard.emit({ type: 'connection', state: 'lost', reason: 'nobody answers' })
    await terminal.shows('Connection lost')
    await dashboard.emit({ type: 'connection', state: 'connected' }, { type: 'ended', failure: 'opencode gave up' })
    await terminal.shows('THE HOST HAS ENDED')
    terminal.keys('l', 'q')
    expect(await dashboard.ended()).toEqual({ how: 'ended', failure: 'opencode gave up' })
  })

  test('texts that terminals are at odds about leave every row in its place, and ^L draws all anew', async () => {
    await using dashboard = await openDashboard()
    const { terminal } = dashboard
    const hostile = [
      'กำ'.repeat(60),
      'क्षि'.repeat(40),
      '👍🏽'.repeat(40),
      '🇩🇪'.repeat(40),
      '👨‍👩‍👧‍👦❤\ufe0f'.repeat(20),
    ]
    const isWhole = (screen: string) => {
      const lines = screen.trimEnd().split('\n')
      return lines.length === 24 && lines[0]?.startsWith('openwork demo') && lines[23]?.includes('quit')
    }
    const sessions = hostile.map((title, index) => session(String(index), Date.now(), { title }))
    const entries = hostile.map((text, seq) => ({ seq, atMs: Date.now(), service: 's', level: 'info' as const, text }))
    await dashboard.emit(
      { type: 'snapshot', snapshot: { ...snapshot(Date.now()), sessions } },
      { type: 'log', entries, dropped: 0 },
    )
    for (const [key, text] of [...'4242'].map(key => [key, key === '4' ? /कष/ : /follow on[\s\S]*कष/] as const)) {
      terminal.types(key)
      await terminal.shows(screen => text.test(screen) && isWhole(screen) === true)
    }
    // Somebody else writes to the terminal.
    await writeFile(terminal.value('pane_tty'), `\x1b[5;1Hwall${'\n'.repeat(40)}mail`)
    await terminal.shows(screen => isWhole(screen) !== true) // rows that change are drawn again, the others are lost
    terminal.keys('C-l')
    await terminal.shows(screen => screen.includes('कष') && isWhole(screen) === true && !/wall|mail/.test(screen))
    terminal.types('1')
    await terminal.shows(screen => screen.includes('CONNECT') && isWhole(screen) === true)
  })

  for (const screen of ['on', 'off'])
    test(`secrets are dots until shown, and nowhere once it is left (another screen: ${screen})`, async () => {
      await using dashboard = await openDashboard({ settings: { 'alternate-screen': screen } })
      const { terminal } = dashboard
      const secrets = Object.values(SECRETS)
      const isSeen = (text: string) => secrets.some(secret => text.includes(secret))
      expect(isSeen(terminal.everything())).toBe(false)
      terminal.keys('s')
      await terminal.shows(text => secrets.every(secret => text.includes(secret)))
      terminal.keys('s')
      await terminal.shows(text => text.includes('••••') && !isSeen(text))
      terminal.keys('p')
      await terminal.shows(PAIRING_URL)
      terminal.keys('Escape')
      await terminal.shows('CONNECT')
      terminal.keys('s')
      await terminal.shows(isSeen)
      terminal.resize(72, 22)
      await terminal.shows(text => text.includes('••••') && !isSeen(text))
      expect(isSeen(terminal.everything())).toBe(false)
      terminal.resize(80, 24)
      await terminal.shows(text => text.split('\n')[0]?.length === 80)
      terminal.keys('s')
      await terminal.shows(isSeen)
      terminal.keys('d')
      expect(await dashboard.ended()).toEqual({ how: 'detached' })
      expect(isSeen(terminal.everything())).toBe(false)
      expect(terminal.everything()).not.toContain('#pair=')
    })

  test('leaving is asked about while a session is at work', async () => {
    await using dashboard = await openDashboard({ words: ['busy', 'no-color'] })
    const { terminal } = dashboard
    terminal.keys('q')
    await terminal.shows('1 session at work would be ended')
    expect(terminal.styled()).not.toMatch(/\x1b\[[\d;]*3[1-7]m/)
    terminal.keys('n')
    await terminal.shows('CONNECT')
    terminal.keys('C-c')
    await terminal.shows('Stop the host?')
    terminal.keys('C-c')
    expect(await dashboard.ended()).toEqual({ how: 'left' })
  })

  test('it can be stopped as a job of a shell, by its key and by others, and comes back with fg', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openwork-dashboard-'))
    await using terminal = Tmux.start(['bash', '--norc', '-i'], { env: { PS1: 'shell> ', HOME: folder } })
    try {
      await terminal.shows('shell>')
      terminal.types(`'${process.execPath}' '${PROGRAM}' '${folder}/control'`)
      terminal.keys('Enter')
      await terminal.shows('All green')
      const pid = await pidOf(await readFile(join(folder, 'control'), 'utf8'))
      for (const stop of [() => terminal.keys('C-z'), () => process.kill(pid, 'SIGSTOP')]) {
        stop()
        await terminal.shows(/Stopped[\s\S]*shell>/)
        terminal.types('fg')
        terminal.keys('Enter')
        await terminal.shows(screen => screen.includes('All green') && !screen.includes('shell>'))
        terminal.keys('v')
        await terminal.shows('Session one')
        terminal.keys('o')
        await terminal.shows('CONNECT')
      }
      terminal.keys('q')
      await terminal.shows('END {"how":"left"}')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('a signal, or a failure of its own, gives the terminal back', async () => {
    await using signalled = await openDashboard()
    process.kill(await signalled.pid(), 'SIGTERM')
    expect(await signalled.ended()).toEqual({ how: 'aborted' })

    await using failing = await openDashboard()
    const broken = { ...snapshot(Date.now()), sessions: [session('x', 0, { title: 5 as never })] }
    failing.terminal.keys('v')
    await failing.emit({ type: 'snapshot', snapshot: broken })
    expect(await failing.ended()).toHaveProperty('failed')

    await using exiting = await openDashboard()
    exiting.terminal.keys('l')
    await exiting.terminal.shows('follow on')
    await exiting.exit()
    expect(await exiting.ended()).toBeNull()
  })
})
