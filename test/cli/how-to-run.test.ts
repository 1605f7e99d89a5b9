import { expect, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import { howToRun, inTheWayOfTui } from '../../src/cli/how-to-run.ts'

const NOTHING_ASKED = {
  background: false,
  detach: false,
  tui: undefined,
  plain: false,
  check: false,
  checkEvents: false,
} as const

/** What else was asked for that a dashboard does not go with. */
const inTheWay = ({ json = false, ...values }: Given) =>
  inTheWayOfTui({ ...NOTHING_ASKED, logFormat: 'pretty', tui: true, ...values }, { json })

type Given = Partial<Parameters<typeof howToRun>[1]> & {
  json?: boolean
  env?: Record<string, string>
  isTerminal?: boolean
  command?: 'start' | 'serve'
}

function how({ json = false, env = {}, isTerminal = true, command = 'start', ...values }: Given) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: isTerminal })
  const context = { json, env, stdin: stream(), stdout: stream() }
  return howToRun(command, { ...NOTHING_ASKED, logFormat: 'pretty', ...values }, context)
}

test('a person at a terminal gets the dashboard of `start`; everybody else gets logs, as does whoever asks for them', () => {
  expect(how({})).toBe('dashboard')
  const logs: Given[] = [
    { command: 'serve' },
    { isTerminal: false },
    { tui: false },
    { json: true },
    { logFormat: 'json' },
    { check: true },
    { checkEvents: true },
    { env: { CI: 'true' } },
    { env: { TERM: 'dumb' } },
  ]
  for (const given of logs) expect([given, how(given)]).toEqual([given, 'here'])
})

test('lines one after the other are shown on any terminal, and only there', () => {
  expect(how({ plain: true, env: { TERM: 'dumb' } })).toBe('dashboard')
  const logs: Given[] = [{ isTerminal: false }, { command: 'serve' }, { env: { CI: 'true' } }]
  for (const given of logs) expect([given, how({ ...given, plain: true })]).toEqual([given, 'here'])
})

test('--tui shows it where it can be shown at all, and is refused where there is no terminal', () => {
  for (const given of [{}, { command: 'serve' }, { env: { CI: 'true' } }, { env: { TERM: 'dumb' } }] as const)
    expect([given, how({ ...given, tui: true })]).toEqual([given, 'dashboard'])
  expect(how({ tui: true, json: true, isTerminal: false })).toBe('here')
  expect(() => how({ tui: true, isTerminal: false })).toThrow(
    expect.objectContaining({ code: 'terminal_required', exitCode: 2 }),
  )
})

test('what --tui does not go with is named', () => {
  const given: [Given, string | undefined][] = [
    [{}, undefined],
    [{ detach: true }, '--detach'],
    [{ json: true }, '--json'],
    [{ checkEvents: true }, '--check-events'],
    [{ logFormat: 'json' }, '--log-format json'],
    [{ detach: true, tui: false }, undefined],
    [{ json: true, background: true }, undefined],
  ]
  for (const [asked, expected] of given) expect([asked, inTheWay(asked)]).toEqual([asked, expected])
})

test('--detach works anywhere, and the host in the background detaches no further one', () => {
  for (const given of [{}, { isTerminal: false }, { json: true }, { check: true }, { tui: true }] as const)
    expect([given, how({ ...given, detach: true })]).toEqual([given, 'detached'])
  expect(how({ background: true, detach: true, tui: true })).toBe('here')
})
