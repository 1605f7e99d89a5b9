import { expect, test } from 'bun:test'
import type { HotReloadStatus, ReloadReport } from '../../src/api/hot-reload.ts'
import { hotReloadLines, reloadText } from '../../src/cli/hot-reload-text.ts'

const NOW_MS = 1_000_000_000_000

const report: ReloadReport = {
  directory: '/project',
  cause: 'change',
  extent: 'instance',
  changes: [
    { kind: 'command', name: 'greet', action: 'added', path: '/project/.opencode/commands/greet.md' },
    { kind: 'config', action: 'changed', path: '/home/me/.config/opencode/opencode.json' },
  ],
  before: { commands: 5, agents: 3, skills: 1 },
  after: { commands: 6, agents: 3, skills: 1 },
  at: NOW_MS - 5 * 60_000,
  tookMs: 210,
}

const status: HotReloadStatus = {
  directory: '/project',
  state: 'current',
  watching: 'events',
  pending: [],
  problems: [],
  reloads: 1,
  last: report,
}

test('a reload is told with what was read anew and what there is now', () => {
  expect(reloadText(report)).toBe(`Reloaded /project in 210 ms
  command "greet" added: .opencode/commands/greet.md
  /home/me/.config/opencode/opencode.json changed
  commands 5 -> 6, agents 3, skills 1`)
  expect(
    reloadText({ ...report, extent: 'engine', changes: [], tookMs: 1_130 }),
  ).toBe(`Reloaded /project in 1.1 s: opencode was restarted
  commands 5 -> 6, agents 3, skills 1`)
})

test('how a directory stands is one line, and what a person has to see below it', () => {
  const lines = (parts: Partial<HotReloadStatus>): string[] => hotReloadLines({ ...status, ...parts }, NOW_MS)

  const last =
    'last reload 5 min ago (210 ms): command "greet" added, /home/me/.config/opencode/opencode.json changed, commands 5 -> 6'
  expect(lines({})).toEqual([`current; ${last}`])
  expect(hotReloadLines({ ...status, watching: 'off', last: undefined }, NOW_MS)).toEqual(['off'])
  expect(lines({ notes: ['not watched: files in /large'] })[1]).toBe('not watched: files in /large')
  expect(
    lines({
      state: 'overdue',
      pending: report.changes.slice(0, 1),
      pendingSince: NOW_MS - 12 * 60_000,
      waitingFor: { sessions: ['ses_1', 'ses_2'], permissions: [], questions: ['que_1'], terminals: [] },
    }),
  ).toEqual([
    `overdue; waits for 2 sessions (ses_1, ses_2), 1 question (que_1); changed 12 min ago; ${last}`,
    'command "greet" added: .opencode/commands/greet.md',
  ])
  expect(
    lines({
      state: 'blocked',
      last: undefined,
      problems: [{ path: '/project/opencode.json', line: 3, column: 7, message: 'a value\u001b[2J is expected' }],
    }),
  ).toEqual(['blocked', expect.stringMatching(/^\/project\/opencode\.json:3:7: a value[^\u001b]*is expected$/)])
})

test('of very many changes a few are shown', () => {
  const pending = Array.from({ length: 300 }, (_, index) => ({
    kind: 'command' as const,
    name: `c${index}`,
    action: 'added' as const,
    path: `/project/.opencode/commands/c${index}.md`,
  }))

  const lines = hotReloadLines({ ...status, state: 'settling', pending }, NOW_MS)

  expect(lines).toHaveLength(11)
  expect(lines.at(-1)).toBe('and 291 more')
})
