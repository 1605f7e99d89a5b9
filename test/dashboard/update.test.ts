import { describe, expect, test } from 'bun:test'
import { KEYS_OF_VIEW, keysIn } from '../../src/dashboard/actions.ts'
import type { DashboardEvent } from '../../src/dashboard/events.ts'
import { type Effect, initialState, type State, VIEWS } from '../../src/dashboard/state.ts'
import { plainText } from '../../src/dashboard/text.ts'
import { update } from '../../src/dashboard/update.ts'
import { helpLines } from '../../src/dashboard/views/help.ts'
import { NO_WORK } from '../../src/hot-reload/engine-work.ts'
import { approval, SECRETS, session, snapshot } from '../fixtures/dashboard/snapshot.ts'

const NOW = 1_000_000

/** What comes of some events, keys given by their names. */
function after(events: readonly (DashboardEvent | string)[], role: State['role'] = 'owner') {
  let state = initialState(role, { columns: 80, rows: 24 }, NOW)
  const effects: Effect[] = []
  for (const each of events) {
    const event: DashboardEvent =
      typeof each === 'string'
        ? { type: 'key', press: { name: each, ...(each.length === 1 ? { text: each } : {}) } }
        : each
    const outcome = update(state, event)
    state = outcome.state
    effects.push(...outcome.effects)
  }
  return { state, effects }
}

const shown = (more: Parameters<typeof snapshot>[1] = {}): DashboardEvent => ({
  type: 'snapshot',
  snapshot: snapshot(NOW, more),
})

describe('keys', () => {
  test('no key means two things in a view', () => {
    for (const view of VIEWS) {
      const keys = keysIn(view, { role: 'owner' }).flatMap(({ keys }) => keys)
      expect(keys.toSorted()).toEqual([...new Set(keys)].toSorted())
    }
  })

  test('every view is reached by its letter, its number and Tab from everywhere', () => {
    for (const view of VIEWS) {
      const letter = { overview: 'o', logs: 'l', approvals: 'a', sessions: 'v', router: 'w', help: 'h' }[view]
      for (const from of ['1', '2', '3', '4', '5', '6']) {
        expect(after([from, letter]).state.view).toBe(view)
        expect(after([from, String(VIEWS.indexOf(view) + 1)]).state.view).toBe(view)
      }
    }
    expect(after(Array(VIEWS.length).fill('Tab')).state.view).toBe('overview')
    expect(after(['⇧Tab']).state.view).toBe('help')
  })

  test('the help tells every key that does something', () => {
    const help = helpLines({ role: 'owner' }).map(plainText).join('\n')
    for (const view of VIEWS.filter(each => each !== 'help'))
      for (const { help: text, keys } of [...KEYS_OF_VIEW[view], ...keysIn('router', { role: 'owner' })]) {
        expect(help).toContain(text)
        expect(help).toContain(keys.join(' ').slice(0, 11))
      }
  })

  test('what is typed into the search of the logs is no command, and pasted text never is', () => {
    const typed = after(['l', '/', 'q', 'd', 'X', 'o'])
    expect(typed.state.view).toBe('logs')
    expect(typed.effects).toEqual([])
    const pasted = after([shown(), { type: 'pasted', text: 'qdXRy' }])
    expect(pasted.effects).toEqual([])
    expect(after(['l', '/', '^C']).effects).toEqual([{ type: 'stop', force: false }])
  })
})

describe('leaving', () => {
  const busy = shown({ sessions: [session('a', NOW, { state: 'busy', title: 'Long job' }), session('b', NOW)] })
  const stop = { type: 'stop', force: false } as const
  const leave = { type: 'leave', how: 'left' } as const
  const refused = (work?: object): DashboardEvent => ({
    type: 'busy',
    work: work && { ...NO_WORK, ...work },
    effect: stop,
  })

  test('asks the host, whatever was seen of it last, and is done once that stops', () => {
    for (const key of ['q', 'X', '^C']) {
      expect(after([shown(), key]).effects).toEqual([stop])
      expect(after([busy, key]).effects).toEqual([stop])
      expect(after([shown(), key, { type: 'stopping' }]).effects).toEqual([stop, leave])
    }
    expect(after([shown(), 'q', 'q', 'X']).effects).toEqual([stop])
    expect(after([shown(), 'd']).effects).toEqual([{ type: 'leave', how: 'detached' }])
    expect(after([shown({ health: 'stopping' }), 'q']).effects).toEqual([leave])
  })

  test('is asked about when it would end work, named as far as it is known, and Enter is no yes', () => {
    const asked = [busy, 'q', refused({ sessions: ['a', 'ses_new'], terminals: ['pty_1'] })]
    const { state, effects } = after(asked)
    expect(effects).toEqual([stop])
    expect(state).toMatchObject({
      toast: undefined,
      modal: {
        title: 'Stop the host?',
        text: ['2 sessions at work would be ended:', '• Long job (busy)', '• ses_new', '• 1 terminal'],
      },
    })
    for (const no of ['Enter', 'n', 'q', 'Esc'])
      expect(after([...asked, no, 'y'])).toMatchObject({ effects: [stop], state: { modal: undefined } })
    expect(after([...asked, 'y']).effects).toEqual([stop, leave])
    expect(after([...asked, '^C']).effects).toEqual([stop, leave])
    expect(after([...asked, 'n', 'q']).effects).toEqual([stop, stop])
    expect(after([shown(), 'q', refused()]).state.modal).toMatchObject({
      text: [expect.stringContaining('does not say')],
    })
  })

  test('of a host that does not answer is asked about too; ^C again does not wait for that', () => {
    const hangs: DashboardEvent = { type: 'not-stopped', reason: 'Cannot reach it' }
    expect(after([shown(), 'q', hangs]).state.modal).toMatchObject({ text: ['Cannot reach it', expect.any(String)] })
    expect(after([shown(), 'q', hangs, 'y']).effects).toEqual([stop, leave])
    const lost: DashboardEvent = { type: 'connection', state: 'lost', reason: 'it is silent', sinceMs: NOW - 5_000 }
    expect(after([shown(), lost]).state.connection).toMatchObject({ sinceMs: NOW - 5_000 })
    expect(after([shown(), lost, 'q']).state.modal).toMatchObject({ text: ['it is silent', expect.any(String)] })
    for (const yes of ['y', '^C']) expect(after([shown(), lost, 'q', yes]).effects).toEqual([leave])
    expect(after([shown(), '^C', '^C']).effects).toEqual([stop, leave])
    expect(after([shown(), 'X', 'y', hangs], 'guest').state).toMatchObject({
      modal: undefined,
      toast: { text: 'Cannot reach it' },
    })
  })

  test('takes nothing down for a guest, who stops the host with X only, and is asked', () => {
    expect(after([busy, 'q'], 'guest').effects).toEqual([leave])
    expect(after([busy, 'd'], 'guest').effects).toEqual([])
    expect(after([shown(), 'X'], 'guest').effects).toEqual([])
    expect(after([shown(), 'X', 'y', { type: 'stopping' }], 'guest').effects).toEqual([stop])
    expect(after([busy, 'X', 'y'], 'guest').effects).toEqual([{ ...stop, force: true }])
    const late = after([shown(), 'X', 'y', refused({ sessions: ['a'] }), 'y'], 'guest')
    expect(late.effects).toEqual([stop, { ...stop, force: true }])
  })
})

describe('a host that has ended by itself', () => {
  const gone = shown({
    sessions: [session('a', NOW, { state: 'busy' })],
    services: snapshot(NOW).services.map(each =>
      each.name === 'opencode'
        ? { ...each, state: 'gave-up' as const, pid: undefined, reason: 'killed by SIGKILL' }
        : each,
    ),
  })
  const failure = 'opencode gave up: killed by SIGKILL'
  const ended: DashboardEvent = { type: 'ended', failure }

  test.each(['owner', 'guest'] as const)('is shown to its %s until that has been read', role => {
    const { state, effects } = after([gone, 'R', 's', ended], role)
    expect(effects).toEqual([{ type: 'credentials' }])
    expect(state.modal).toBeUndefined()
    expect(state.snapshot?.services.map(each => [each.state, each.pid])).toEqual([
      ['exited', undefined],
      ['gave-up', undefined],
      ['exited', undefined],
    ])
    for (const leave of ['q', 'Enter', '^C'])
      expect(after([gone, ended, 'l', leave], role).effects).toEqual([{ type: 'leave', how: 'ended', failure }])
    for (const ofNoUse of ['d', 'X', 'R', 'r', 'p', 's', 'c'])
      expect(after([gone, '↓', ended, ofNoUse, 'y'], role)).toMatchObject({ effects: [], state: { modal: undefined } })
    expect(after([gone, ended, 'l', '/', 'q', 'Enter'], role)).toMatchObject({ effects: [], state: { view: 'logs' } })
  })

  test('is left at once when that was asked for, or nothing is there to be shown', () => {
    expect(after([gone, { type: 'ended' }]).effects).toEqual([{ type: 'leave', how: 'ended', failure: undefined }])
    expect(after([ended]).effects).toEqual([{ type: 'leave', how: 'ended', failure }])
  })
})

describe('secrets', () => {
  const credentials: DashboardEvent = { type: 'credentials', credentials: SECRETS }

  test('are fetched when asked for, and forgotten when hidden, after a while, and on another view', () => {
    const asked = after([shown(), 's'])
    expect(asked.effects).toEqual([{ type: 'credentials' }])
    expect(after([shown(), 's', credentials]).state.secrets.state).toBe('shown')
    for (const events of [['s'], ['l'], [{ type: 'tick', nowMs: NOW + 30_000 } as const]]) {
      const { state } = after([shown(), 's', credentials, ...events])
      expect(JSON.stringify(state)).not.toContain(SECRETS.hostToken)
    }
  })

  test('that arrive after they were hidden again are not kept', () => {
    expect(JSON.stringify(after([shown(), 's', 's', credentials]).state)).not.toContain(SECRETS.hostToken)
  })
})

describe('approvals', () => {
  const two = shown({ approvals: [approval('first', NOW), approval('second', NOW)] })
  const settled = { type: 'tick', nowMs: NOW + 2_000 } as const
  const later = { type: 'tick', nowMs: NOW + 4_000 } as const
  const reply = (id: string): Effect => ({ type: 'reply', id, reply: 'allow' })

  test('a new one rings, unless the bell is off', () => {
    expect(after([shown(), two]).effects).toEqual([{ type: 'bell' }])
    expect(after([shown(), two, two]).effects).toEqual([{ type: 'bell' }])
    expect(after([shown(), 'B', two]).effects).toEqual([])
  })

  test('are answered one after the other with the same key', () => {
    const { effects } = after([two, 'a', settled, 'y', 'y'])
    expect(effects.slice(1)).toEqual([reply('first'), reply('second')])
    expect(after([two, 'a', settled, '↓', 'n']).effects.at(-1)).toEqual({ type: 'reply', id: 'second', reply: 'deny' })
  })

  test('a key for one that has just gone does not answer the one that took its place', () => {
    const gone = shown({ approvals: [approval('second', NOW)] })
    const { state, effects } = after([two, 'a', settled, gone, 'y'])
    expect(effects).toEqual([{ type: 'bell' }])
    expect(state.toast?.text).toContain('just come up')
    expect(after([two, 'a', settled, gone, later, 'y']).effects.at(-1)).toEqual(reply('second'))
  })

  test.each([
    ['right after the answer to the one before', [shown({ approvals: [approval('first', NOW)] }), 'a', settled, 'y']],
    ['where there was none', [shown(), 'a', settled]],
    ['where there was none, on another view', [shown(), settled]],
    ['with the first that is heard of the host', ['a']],
  ] as const)('one that comes up %s is not answered before it can have been read', (_, before) => {
    const comes = shown({ approvals: [approval('second', settled.nowMs)] })
    const answered: DashboardEvent = { type: 'answered', id: 'first' }
    for (const events of [
      [...before, answered, comes],
      [...before, comes, answered],
      [...before, answered, shown(), comes],
    ]) {
      const early = after([...events, 'a', 'y', 'n'])
      expect(early.effects).not.toContainEqual(reply('second'))
      expect(early.state.answersFromMs).toBe((events.includes(settled) ? settled.nowMs : NOW) + 1_500)
      expect(after([...events, later, 'a', 'y']).effects.at(-1)).toEqual(reply('second'))
    }
  })

  test('the last one is not answered twice, nor the first one with it', () => {
    const { effects } = after([two, 'a', settled, '↓', 'y', 'y', 'y'])
    expect(effects.slice(1)).toEqual([reply('second')])
  })
})

describe('services and workspaces', () => {
  test('the selected service is restarted, once more with force when that ends work; the host itself is not', () => {
    const effect = { type: 'restart', service: 'opencode', force: false } as const
    expect(after([shown(), '↓', 'R']).effects).toEqual([effect])
    const refused: DashboardEvent = { type: 'busy', work: { ...NO_WORK, questions: ['que_1'] }, effect }
    const { state, effects } = after([shown(), '↓', 'R', refused, 'y'])
    expect(effects).toEqual([effect, { ...effect, force: true }])
    expect(state.toast?.text).toBe('Restarting opencode…')
    expect(after([shown(), refused]).state.modal).toMatchObject({
      title: 'Restart opencode all the same?',
      text: ['This would be ended:', '• 1 question'],
    })
    expect(after([shown(), 'R', 'y']).effects).toEqual([])
  })

  test('the selected workspace of a daemon is reloaded, else the active one', () => {
    const daemon = shown({
      serves: 'listed',
      workspaces: ['/a', '/b'].map(path => ({
        id: path,
        name: path,
        path,
        isRemote: false,
        isActive: path === '/b',
        state: 'idle' as const,
      })),
    })
    expect(after([daemon, 'r']).effects).toEqual([{ type: 'reload', directory: '/b', force: false }])
    expect(after([daemon, '↓', '↓', '↓', 'r']).effects).toEqual([{ type: 'reload', directory: '/a', force: false }])
  })

  test('a reload that work stands against is done when it is confirmed', () => {
    const effect = { type: 'reload', directory: '/a', force: false } as const
    expect(after([shown(), { type: 'busy', work: { ...NO_WORK, sessions: ['a'] }, effect }, 'y']).effects).toEqual([
      { ...effect, force: true },
    ])
  })

  test('the selection follows what is selected, not its place', () => {
    const { services } = snapshot(NOW)
    const { state, effects } = after([shown(), '↓', shown({ services: services.toReversed() }), 'R'])
    expect(state.selected.overview).toBe('service opencode')
    expect(effects).toEqual([{ type: 'restart', service: 'opencode', force: false }])
  })
})

test('that something is done is said until its outcome is', () => {
  const later = { type: 'tick', nowMs: NOW + 60_000 } as const
  const done: DashboardEvent = { type: 'said', text: 'opencode was restarted', tone: 'good' }
  expect(after([shown(), '↓', 'R', later]).state.toast?.text).toBe('Restarting opencode…')
  expect(after([shown(), '↓', 'R', later, done]).state.toast?.text).toBe('opencode was restarted')
  const busy = { type: 'busy', work: undefined, effect: { type: 'reload', directory: '/a', force: false } } as const
  expect(after([shown(), 'r', later]).state.toast?.text).toBe('Reloading…')
  expect(after([shown(), 'r', busy]).state.toast).toBeUndefined()
  expect(after([shown(), 'r', busy, 'y', later]).state.toast?.text).toBe('Reloading…')
})

test('a toast goes after a while, and a lost connection is told until it is back', () => {
  const said: DashboardEvent = { type: 'said', text: 'Done', tone: 'good' }
  expect(after([said, { type: 'tick', nowMs: NOW + 2_000 }]).state.toast?.text).toBe('Done')
  expect(after([said, { type: 'tick', nowMs: NOW + 2_500 }]).state.toast).toBeUndefined()
  const lost: DashboardEvent = { type: 'connection', state: 'lost', reason: 'refused' }
  const again: DashboardEvent = { type: 'tick', nowMs: NOW + 9_000 }
  expect(after([lost, again, lost]).state.connection).toEqual({ state: 'lost', reason: 'refused', sinceMs: NOW })
  expect(after([lost, { type: 'connection', state: 'connected' }]).state.connection).toEqual({ state: 'connected' })
})
