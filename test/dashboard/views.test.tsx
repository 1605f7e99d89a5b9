import { describe, expect, test } from 'bun:test'
import { renderToString } from 'ink'
import type { HostSnapshot } from '../../src/api/host.ts'
import { GLOBAL_KEYS, KEYS_OF_VIEW } from '../../src/dashboard/actions.ts'
import type { DashboardEvent } from '../../src/dashboard/events.ts'
import { ColorContext } from '../../src/dashboard/lines.tsx'
import { Frame } from '../../src/dashboard/screen.tsx'
import { initialState, type Size, type State, VIEWS } from '../../src/dashboard/state.ts'
import { cells } from '../../src/dashboard/text.ts'
import { update } from '../../src/dashboard/update.ts'
import { approval, PAIRING_URL, SECRETS, session, snapshot } from '../fixtures/dashboard/snapshot.ts'

const NOW = 1_000_000
const SIZES: Size[] = [
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
  { columns: 40, rows: 10 },
]
const SMALL = { columns: 40, rows: 10 }
const USUAL = { columns: 80, rows: 24 }

function stateOf(size: Size, more: Partial<HostSnapshot>, events: readonly (DashboardEvent | string)[] = []): State {
  const all: (DashboardEvent | string)[] = [{ type: 'snapshot', snapshot: snapshot(NOW, more) }, ...events]
  return all.reduce<State>(
    (state, event) => update(state, typeof event === 'string' ? { type: 'key', press: { name: event } } : event).state,
    initialState('owner', size, NOW),
  )
}

const draw = (state: State, color = false): string =>
  renderToString(
    <ColorContext value={color}>
      <Frame state={state} />
    </ColorContext>,
    { columns: state.size.columns },
  )

const withoutStyles = (text: string): string => text.replace(/\x1b\[[\d;]*m/g, '')
const screen = (size: Size, more: Partial<HostSnapshot>, events: readonly (DashboardEvent | string)[] = []): string =>
  withoutStyles(draw(stateOf(size, more, events)))

const services = snapshot(NOW).services
const AWKWARD: Partial<HostSnapshot> = {
  health: 'degraded',
  runId: 'r-日本-\x1b[31m',
  services: [
    ...services,
    {
      name: 'opencode-router',
      state: 'backing-off',
      restarts: 3,
      nextTryAt: NOW + 12_000,
      exit: { code: null, signal: 'SIGKILL' },
    },
    { name: 'サービス', state: 'gave-up', restarts: 9, reason: 'exit code 1: config.json is\x07 no JSON' },
    ...(['waiting', 'starting', 'unhealthy', 'stopping', 'exited'] as const).map(state => ({
      name: state,
      state,
      restarts: 0,
    })),
  ],
  approvals: [
    approval('a', NOW),
    approval('b', NOW, { summary: '日本語を書く '.repeat(20), paths: ['/\x1b]0;x\x07é'] }),
  ],
  sessions: [
    session('x', NOW, { title: 'Ünïcödé 日本語 👩‍👩‍👧 \x1b[2J'.repeat(9), state: 'waiting' }),
    ...Array.from({ length: 80 }, (_, index) => session(String(index), NOW, { state: 'busy' })),
  ],
  router: { enabled: true, identities: [{ id: 'default', channel: 'telegram', state: 'connected', note: '日本' }] },
  reloads: [
    {
      directory: '/home/ada/demo',
      state: 'blocked',
      watching: 'events',
      pending: [],
      problems: [{ path: '/home/ada/demo/opencode.json', line: 3, message: 'Unexpected token' }],
      reloads: 1,
    },
  ],
}

describe('every view', () => {
  const lost: DashboardEvent = { type: 'connection', state: 'lost', reason: 'nobody answers at 127.0.0.1:8790' }
  const LAST_TOUCHES = [
    [],
    ['↓', '↓', '↓', '↓'],
    [lost],
    [{ type: 'ended', failure: 'opencode gave up: 日本語 \x1b[2J'.repeat(30) }],
    ['q'],
    ['p', { type: 'paired', pairing: { url: PAIRING_URL, code: 'X', expiresAt: NOW + 9_000 } }],
  ] as const

  for (const size of SIZES)
    test(`fits into ${size.columns}×${size.rows} exactly, whatever it is told`, () => {
      for (const view of VIEWS)
        for (const touches of LAST_TOUCHES) {
          const drawn = draw(stateOf(size, AWKWARD, [String(VIEWS.indexOf(view) + 1), ...touches]))
          const lines = withoutStyles(drawn).split('\n')
          expect(lines).toHaveLength(size.rows)
          for (const line of lines) expect(cells(line)).toBeLessThanOrEqual(size.columns)
          expect(withoutStyles(drawn)).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
        }
    })

  test('has no colours where there are to be none', () => {
    for (const view of VIEWS) {
      const drawn = draw(stateOf(USUAL, AWKWARD, [String(VIEWS.indexOf(view) + 1)]))
      const codes = [...drawn.matchAll(/\x1b\[([\d;]*)m/g)].flatMap(([, code]) => code?.split(';') ?? [])
      expect(codes.filter(code => Number(code) >= 30 && ![39, 49].includes(Number(code)))).toEqual([])
    }
  })

  test('shows no secret before it was asked for', () => {
    for (const view of VIEWS)
      for (const secret of Object.values(SECRETS))
        expect(screen(USUAL, AWKWARD, [String(VIEWS.indexOf(view) + 1)])).not.toContain(secret)
  })

  test('asks for a larger window below 40×10', () => {
    expect(screen({ columns: 39, rows: 24 }, {})).toContain('Make the window larger')
    expect(screen({ columns: 80, rows: 9 }, {})).toContain('Make the window larger')
    expect(screen({ columns: 12, rows: 1 }, {}).split('\n')).toHaveLength(1)
  })
})

describe('the overview', () => {
  test('tells state, pid, port, uptime, restarts, cost, version and source of each service', () => {
    const wide = screen({ columns: 200, rows: 60 }, {})
    expect(wide).toMatch(/opencode\s+● ready\s+4711\s+4096\s+3m 20s\s+0\s+3\.2%\s+204 MB\s+1\.18\.33\s+\S+\s+bundled/)
    expect(wide).toContain('● All green  up 3m 20s')
    const usual = screen(USUAL, {})
    for (const text of ['openwork-orchestrator', '4711', '4096', '3m 20s', '3.2%', '204 MB'])
      expect(usual).toContain(text)
  })

  test('tells of the selected service what the table has no room for', () => {
    const usual = screen(USUAL, {}, ['↓'])
    expect(usual).toMatch(/▸ opencode[\s\S]* Selected +1\.18\.33, bundled, 0 restarts\n/)
    expect(usual).toMatch(/CPU +3\.2% +▁▂▄▁ +Memory +204 MB +▇▇██ +2 processes/)
    expect(screen({ columns: 200, rows: 60 }, {})).not.toContain('Selected')
    const [first] = services
    const failing = { ...first, name: 'opencode', state: 'backing-off' as const, pid: undefined, restarts: 3 }
    const reason = `config.json is no JSON: ${'unexpected token '.repeat(6)}at the end`
    const down = screen(USUAL, { services: [{ ...failing, exit: { code: 7, signal: null }, reason }] })
    expect(down).toContain('3 restarts, last run: exit code 7')
    expect(down).toMatch(/Reason +config\.json[^\n]*\n +(unexpected|token)[^\n]* at the end\n/)
    const smallest = screen(SMALL, {})
    expect(smallest).toContain('0.19.0, bundled')
    expect(smallest).toContain('http://192.168.1.20:8787')
  })

  test('tells what was warned of, other addresses, and the end of a long path', () => {
    const notice = 'Port 8787 is taken, so another one was chosen. '.repeat(2).trim()
    const { connection } = snapshot(NOW)
    const drawn = screen(
      { columns: 80, rows: 30 },
      {
        notices: [notice],
        connection: { ...connection, alternatives: ['http://10.0.0.7:8787', 'http://172.17.0.1:8787'] },
        logFile: `/home/ada/${'deep/'.repeat(20)}logs/r-20261123-42.log`,
      },
    )
    expect(drawn.replace(/\s+/g, ' ')).toContain(`▲ ${notice}`)
    expect(drawn).toMatch(/or +http:\/\/10\.0\.0\.7:8787 {2}http:\/\/172\.17\.0\.1:8787/)
    expect(drawn).toMatch(/Log file +…\S+\/logs\/r-20261123-42\.log/)
    expect(drawn).toMatch(/Run +r-20261123-42/)
  })

  test('tells every state by a word, why a service gave up, and when it is tried again', () => {
    const drawn = screen({ columns: 100, rows: 40 }, AWKWARD)
    for (const text of [
      '↻ backing-off',
      '✖ gave-up',
      '○ waiting',
      '◐ starting',
      '▲ unhealthy',
      '◌ stopping',
      '■ exited',
    ])
      expect(drawn).toContain(text)
    expect(drawn).toContain('killed by SIGKILL · next try in 0:12')
    expect(drawn).toContain('exit code 1: config.json is no JSON · R restarts it')
    expect(drawn).toContain('/home/ada/demo/opencode.json:3 Unexpected token')
    expect(drawn).toContain('▲ Degraded')
  })

  test('tells of no change before the files were looked at, and moves nothing then', () => {
    const [reload] = snapshot(NOW).reloads
    const drawn = (more: Partial<NonNullable<typeof reload>>) =>
      screen(USUAL, { reloads: reload ? [{ ...reload, ...more }] : [] }).split('\n')
    const current = drawn({})
    const looking = drawn({ state: 'settling' })
    expect(looking.join()).not.toContain('changed')
    expect(current.findIndex(row => row.includes('HOT RELOAD  up to date'))).toBeGreaterThan(0)
    expect(looking.map(row => row.replace('looking at the files', 'up to date'))).toEqual(current)
    const change = { kind: 'config', action: 'changed', path: '/home/ada/demo/opencode.json' } as const
    expect(drawn({ state: 'settling', pending: [change] }).join()).toContain('demo: something has changed')
  })

  test('tells how to connect, with dots for secrets until they are there', () => {
    const hidden = screen(USUAL, {})
    for (const text of ['http://192.168.1.20:8787', 'openwork attach r-20261123-42', '••••••••'])
      expect(hidden).toContain(text)
    const revealed = screen(USUAL, {}, ['s', { type: 'credentials', credentials: SECRETS }])
    for (const secret of Object.values(SECRETS)) expect(revealed).toContain(secret)
    expect(revealed).toContain('hidden again in 30s')
  })

  test('lists the workspaces of a daemon, the selected one always among them', () => {
    const workspaces = Array.from({ length: 60 }, (_, index) => ({
      id: `ws_${index}`,
      name: `work ${index}`,
      path: `/srv/${index}`,
      isRemote: false,
      isActive: index === 0,
      state: 'idle' as const,
    }))
    for (const size of SIZES) {
      expect(screen(size, { serves: 'listed', workspaces }, ['End'])).toMatch(/▸ work 59/)
      expect(screen(size, { serves: 'listed', workspaces }, ['End', 'Home'])).toMatch(/▸ openwork-orch/)
    }
  })
})

test('approvals tell who wants what, where, since when and until when', () => {
  const drawn = screen(USUAL, { approvals: [approval('a', NOW)] }, ['a'])
  for (const text of [
    '0:55',
    'Write notes/todo.md',
    'phone of Ada (collaborator), 5s ago',
    '/home/ada/demo/notes/todo.md',
    'denied by itself in 0:55',
  ])
    expect(drawn).toContain(text)
  const nameless = approval('a', NOW, { actor: { type: 'remote', scope: 'collaborator' } })
  expect(screen(USUAL, { approvals: [nameless] }, ['a'])).toContain('Asked by  collaborator, 5s ago')
  expect(screen(SMALL, { approvals: [approval('a', NOW)] }, ['a'])).toContain('Write notes/todo.md')
  expect(screen(USUAL, { approvals: [approval('a', NOW)] })).toContain('Approvals (1)')
  expect(screen(USUAL, { approvals: null }, ['a'])).toContain('does not tell')
  expect(screen(USUAL, { approvalMode: 'auto' }, ['a'])).toContain('without asking')
})

test('sessions tell what they are at, and the list scrolls to the selected one', () => {
  const sessions = Array.from({ length: 70 }, (_, index) =>
    session(`no ${index}`, NOW, { state: index % 2 ? 'busy' : 'idle' }),
  )
  expect(screen(USUAL, { sessions }, ['v'])).toMatch(/▸ ○ idle\s+Session no 0\s+\/home\/ada\/demo\s+4m ago/)
  expect(screen(USUAL, { sessions }, ['v', 'PgDn', 'PgDn', '↓'])).toMatch(/▸ ◐ busy\s+Session no 37/)
  expect(screen(USUAL, { sessions }, ['v', 'End'])).toMatch(/▸ ◐ busy\s+Session no 69/)
})

test('pairing shows the link whole, and its QR code where that fits', () => {
  const paired: DashboardEvent = { type: 'paired', pairing: { url: PAIRING_URL, code: 'X', expiresAt: NOW + 90_000 } }
  expect(screen(USUAL, {}, ['p'])).toContain('Asking')
  const drawn = screen(USUAL, {}, ['p', paired])
  expect(drawn).toContain(PAIRING_URL)
  expect(drawn).toContain('█▀')
  expect(screen(SMALL, {}, ['p', paired]).replaceAll('\n', '').replace(/ +/g, '')).toContain(PAIRING_URL)
  expect(screen(USUAL, {}, ['p', paired, 'Esc', paired])).not.toContain(PAIRING_URL)
})

test('what went wrong is told with what to do about it, in as many rows as that takes', () => {
  const text =
    'The service opencode did not get ready within 60 s. See its last lines with l, or start it again with R.'
  const failed: DashboardEvent = { type: 'said', text, tone: 'bad' }
  for (const view of VIEWS) {
    const drawn = screen(USUAL, AWKWARD, [String(VIEWS.indexOf(view) + 1), failed])
    expect(drawn.split('\n')).toHaveLength(USUAL.rows)
    expect(drawn.split('\n').slice(-2).join(' ').replace(/\s+/g, ' ').trim()).toBe(text)
  }
  expect(screen(SMALL, AWKWARD, [failed])).toMatch(/The service opencode did not.*…$/)
})

test('what is said while a question is asked leaves it its keys', () => {
  const said: DashboardEvent = { type: 'said', text: 'Pairing link copied', tone: 'good' }
  const paired: DashboardEvent = {
    type: 'paired',
    pairing: { url: PAIRING_URL, code: 'X', expiresAt: NOW + 9_000 },
  }
  for (const size of [SMALL, USUAL]) {
    const ends = (events: readonly (DashboardEvent | string)[]) => screen(size, {}, events).split('\n').slice(-2)
    expect(ends(['p', paired, said])).toEqual([' Pairing link copied', ' c copy link  Esc close'])
    expect(ends([said]).at(-1)).toBe(' Pairing link copied')
  }
})

test('the help shows all keys of each action, uncut', () => {
  const drawn = screen({ columns: 80, rows: 90 }, {}, ['?'])
  for (const { keys, help } of [...GLOBAL_KEYS, ...Object.values(KEYS_OF_VIEW)].flat())
    if (!keys.includes('h'))
      expect(drawn).toMatch(new RegExp(`${RegExp.escape(keys.join(' '))} +${RegExp.escape(help)}`))
})
