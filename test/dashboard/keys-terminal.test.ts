// Every key of the tables that the footer and the help are made of, pressed in a terminal.
import { expect, test } from 'bun:test'
import { GLOBAL_KEYS, KEYS_OF_VIEW, keysIn } from '../../src/dashboard/actions.ts'
import { findAction } from '../../src/dashboard/keys.ts'
import { VIEWS, type View } from '../../src/dashboard/state.ts'
import { plainText } from '../../src/dashboard/text.ts'
import { helpLines } from '../../src/dashboard/views/help.ts'
import { approval, PAIRING_URL, SECRETS, session, snapshot } from '../fixtures/dashboard/snapshot.ts'
import { hasTmux, type Tmux } from '../terminal/tmux.ts'
import { openDashboard } from './open-dashboard.ts'

const TMUX_NAMES: Record<string, string> = {
  '↑': 'Up',
  '↓': 'Down',
  '←': 'Left',
  '→': 'Right',
  PgUp: 'PPage',
  PgDn: 'NPage',
  Esc: 'Escape',
  '⇧Tab': 'BTab',
}

type Wanted = Parameters<Tmux['shows']>[0]

/** A key by what it does: the same one does another thing in another view. */
const meaning = (key: string, help: string): string => `${key} (${help})`
const pressed = new Set<string>()

/** Presses keys in a view, and waits for what each leads to. */
const keyboard = (terminal: Tmux) =>
  async function press(view: View, ...steps: readonly (readonly [key: string, wanted: Wanted])[]): Promise<void> {
    for (const [key, wanted] of steps) {
      const binding = findAction(keysIn(view, { role: 'owner' }), { name: key })
      if (binding) pressed.add(meaning(key, binding.help))
      terminal.keys(key.startsWith('^') ? `C-${key.slice(1).toLowerCase()}` : (TMUX_NAMES[key] ?? key))
      await terminal.shows(wanted)
    }
  }

/** The keys of all lists, and where they lead to in one whose page has so many rows. */
const moves = (page: number, last: number): [key: string, place: number][] => [
  ['G', last],
  ['g', 0],
  ['End', last],
  ['Home', 0],
  ['j', 1],
  ['↓', 2],
  ['k', 1],
  ['↑', 0],
  ['PgDn', page],
  ['^F', 2 * page],
  ['Space', 3 * page],
  ['PgUp', 2 * page],
  ['^B', page],
]

const without = (text: string) => (screen: string) => !screen.includes(text)

const LIST = 60
const PAGE = 18 // of 80×24

test.skipIf(!hasTmux)('keys of the views, and those that are for all of them', async () => {
  await using dashboard = await openDashboard()
  const { terminal } = dashboard
  const press = keyboard(terminal)
  const now = Date.now()
  const shown: Record<View, string> = {
    overview: '[1 Overview',
    logs: '[2 Logs',
    approvals: '[3 Approvals',
    sessions: '[4 Sessions',
    router: '[5 Router',
    help: '[6 Help',
  }
  for (const [index, view] of VIEWS.entries()) await press('router', [String(index + 1), shown[view]])
  const letters = {
    h: 'help',
    b: 'overview',
    l: 'logs',
    a: 'approvals',
    v: 'sessions',
    w: 'router',
    '?': 'help',
  } as const
  for (const [key, view] of Object.entries(letters)) await press('router', [key, shown[view]])
  await press('router', ['o', shown.overview], ['Tab', shown.logs], ['⇧Tab', shown.overview])

  await press('overview', ['B', 'bell off'], ['B', 'Bell on'], ['c', 'Attach command copied'], ['p', PAIRING_URL])
  await press('overview', ['Esc', 'CONNECT'], ['s', SECRETS.ownerToken], ['^Z', '••••'], ['^L', 'All green'])
  await press('overview', ['↓', /▸ opencode/], ['r', 'Reloaded'], ['R', 'opencode was restarted'])

  const workspaces = Array.from({ length: LIST }, (_, index) => ({
    ...{ id: `ws_${index}`, name: `work ${index}`, path: `/srv/${index}` },
    ...{ isRemote: false, isActive: index === 0, state: 'idle' as const },
  }))
  const sessions = Array.from({ length: LIST }, (_, index) => session(`no ${index}`, now))
  const daemon = snapshot(now, { serves: 'listed', workspaces, sessions })
  await dashboard.emit({ type: 'snapshot', snapshot: daemon })
  await terminal.shows('openwork daemon')
  await press('overview', ['End', /▸ work 59/], ['PgUp', /▸ work 41/], ['r', 'Reloaded'])
  await press('overview', ['v', /▸ ○ idle +Session no 0 /])
  for (const [key, place] of moves(PAGE, LIST - 1))
    await press('sessions', [key, new RegExp(`▸ ○ idle +Session no ${place} `)])
  await press('sessions', ['?', shown.help])
  const help = helpLines({ role: 'owner' }).map(line => plainText(line).trimEnd())
  await press('help', ['↓', screen => screen.split('\n')[3] === help[1]], ['End', help.at(-2) ?? ''])

  const approvals = ['one', 'two', 'three'].map(id => approval(id, now, { summary: `Write ${id}` }))
  await dashboard.emit({ type: 'snapshot', snapshot: { ...daemon, approvals } })
  const asks = (id: string) => (screen: string) =>
    new RegExp(`▸ .*Write ${id} `).test(screen) && !screen.includes('in a moment')
  await press('help', ['a', asks('one')])
  await press('approvals', ['y', 'Allowed'], ['j', asks('three')], ['n', 'Denied'])
  expect(await dashboard.calls()).toEqual(
    expect.arrayContaining([
      { call: 'reply', value: { id: 'one', reply: 'allow' } },
      { call: 'reply', value: { id: 'three', reply: 'deny' } },
      { call: 'reload', value: { directory: '/srv/41', force: false } },
    ]),
  )

  await dashboard.emit({ type: 'snapshot', snapshot: { ...daemon, sessions: [session('x', now, { state: 'busy' })] } })
  await terminal.shows('Sessions (1)')
  for (const key of ['q', '^C', 'X']) {
    await press('approvals', [key, 'Stop the host?'])
    await press('approvals', ['n', 'Nothing waits for an answer.'])
  }
  await press('approvals', ['d', 'LEFT'])
  expect(await dashboard.ended()).toEqual({ how: 'detached' })
})

test.skipIf(!hasTmux)('keys of the logs', async () => {
  await using dashboard = await openDashboard()
  const { terminal } = dashboard
  const press = keyboard(terminal)
  const services = ['opencode', 'openwork-server'] as const
  const levels = ['debug', 'info', 'warn', 'error'] as const
  const entries = Array.from({ length: 200 }, (_, seq) => ({
    ...{ seq, atMs: Date.now(), text: `line ${seq} ${'and so on '.repeat(9)}the end` },
    ...{ service: services[seq % 2] ?? 'opencode', level: levels[seq % 4] ?? 'info' },
  }))
  await press('overview', ['l', 'Nothing was logged yet.'])
  await dashboard.emit({ type: 'log', entries, dropped: 0 })
  await terminal.shows('line 199')
  const top = (place: number) => (screen: string) => screen.split('\n')[4]?.includes(` line ${place} `) === true
  const at = (place: number) => new RegExp(`^[>»] .* line ${place} `, 'm')

  await press('logs', ['f', 'follow off'], ['f', 'follow on'], ['g', at(0)], ['G', 'follow on'])
  await press('logs', ['Home', at(0)], ['j', at(1)], ['↓', at(2)], ['k', at(1)], ['↑', at(0)], ['End', 'line 199'])
  await press(
    'logs',
    ['g', at(0)],
    ['PgDn', top(19)],
    ['^F', top(38)],
    ['Space', top(57)],
    ['PgUp', top(38)],
    ['^B', top(19)],
  )
  await press('logs', ['→', without(' line ')], ['←', top(19)])
  await press('logs', ['W', /wrap on[\s\S]*the end/], ['W', 'wrap off'])
  await press('logs', ['m', '1 marked'], ['y', '1 line copied'], ['Y', '200 lines copied'], ['Esc', without('marked')])
  await press('logs', ['s', '100 of 200 lines'], ['s', 'service server'], ['s', 'service all'])
  await press('logs', ['e', 'level info+'], ['e', '100 of 200'], ['e', '50 of 200'], ['e', 'level all'])
  await press('logs', ['/', '/▏'])
  terminal.types('line 15')
  await terminal.shows('/line 15▏ 1/11')
  await press('logs', ['Enter', '/line 15 1/11'], ['n', '2/11'], ['N', ' 1/11'], ['&', '11 of 200 lines'])
  await press('logs', ['Esc', without('/line 15')], ['E', 'Write to: openwork-logs-'])
  terminal.keys('Escape')
  await terminal.shows('service all')
})

test.skipIf(!hasTmux)('no key of the tables was left out', () => {
  const bindings = [...GLOBAL_KEYS, ...Object.values(KEYS_OF_VIEW).flat()]
  const meanings = bindings.flatMap(({ keys, help }) => keys.map(key => meaning(key, help)))
  expect(meanings.filter(each => !pressed.has(each))).toEqual([])
})
