import { expect, test } from 'bun:test'
import { join } from 'node:path'
import type { DaemonStatus, DaemonWorkspace, InstanceStatus } from '../../../src/api/daemon.ts'
import { daemonText, workspaceTable, workspaceText } from '../../../src/cli/daemon/daemon-status-text.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const AT_80 = { nowMs: NOW, columns: 80 }
const minutesAgo = (minutes: number): number => NOW - minutes * 60_000

const local = (id: string, name: string): DaemonWorkspace => ({
  id,
  name,
  path: `/home/you/${name}`,
  workspaceType: 'local',
  createdAt: minutesAgo(600),
})
const shop = local('ws-55b39db761b0', 'shop')
const blog = local('ws-0d6c9b3f8a11', 'blog')
const notes = local('ws-9f86d081884c', 'notes')
const box: DaemonWorkspace = {
  id: 'ws-ac13570dc26e',
  name: 'box',
  path: '/srv/app',
  workspaceType: 'remote',
  baseUrl: 'https://box.example:4096',
  directory: '/srv/app',
  createdAt: minutesAgo(600),
}

const instance = (workspace: DaemonWorkspace, more: Partial<InstanceStatus>): InstanceStatus => ({
  workspaceId: workspace.id,
  state: 'none',
  listeners: 0,
  leases: [],
  evictions: 0,
  ...more,
})
const work = { sessions: ['ses_1', 'ses_2'], permissions: [], questions: [], terminals: [] }

const STATUS: DaemonStatus & { baseUrl: string } = {
  ok: true,
  baseUrl: 'http://127.0.0.1:43551',
  daemon: { pid: 4710, port: 43551, baseUrl: 'http://127.0.0.1:43551', startedAt: minutesAgo(180) },
  opencode: { pid: 4712, port: 45111, baseUrl: 'http://127.0.0.1:45111', startedAt: minutesAgo(180) },
  activeId: shop.id,
  workspaceCount: 4,
  cliVersion: '0.19.0',
  sidecar: null,
  binaries: null,
  openwork: { baseUrl: 'http://127.0.0.1:8787', connectUrl: 'http://127.0.0.1:8787', state: 'ready', pid: 4711 },
  engine: { state: 'ready', pid: 4712, memoryBytes: 512_000_000, children: 3, restarts: 0, isDraining: false },
  hotReload: { enabled: true, debounceMs: 700, cooldownMs: 1_500, deadlineMs: 600_000 },
  idleTimeoutMs: 900_000,
  instances: [
    instance(shop, {
      state: 'busy',
      lastUsedAt: NOW,
      work,
      listeners: 1,
      reload: {
        directory: shop.path,
        state: 'waiting',
        watching: 'events',
        pending: [{ kind: 'command', name: 'ship', action: 'added', path: `${shop.path}/.opencode/command/ship.md` }],
        pendingSince: minutesAgo(2),
        waitingFor: work,
        problems: [],
        reloads: 0,
      },
    }),
    instance(blog, { state: 'idle', lastUsedAt: minutesAgo(4), idleSince: minutesAgo(4), evictsAt: NOW + 11 * 60_000 }),
    instance(notes, { lastUsedAt: minutesAgo(150), evictions: 1 }),
    instance(box, { state: 'unknown' }),
  ],
  logFile: '/home/you/.openwork/openwork-orchestrator/daemon/daemon.log',
}

test('the README shows what a person is told of a daemon', async () => {
  const readme = await Bun.file(join(import.meta.dir, '..', '..', '..', 'README.md')).text()
  const [, shown] = /<!-- output:daemon:begin -->\n```\n([\s\S]*?)```\n<!-- output:daemon:end -->/.exec(readme) ?? []

  expect(`${daemonText(STATUS, [shop, blog, notes, box], AT_80)}\n`).toBe(shown ?? '')
})

test('without a daemon the list tells what is known, and an empty daemon what to do next', () => {
  const table = workspaceTable(
    [{ ...shop, lastUsedAt: minutesAgo(5) }, box],
    { activeId: box.id },
    { nowMs: NOW, columns: 90 },
  )

  expect(table.split('\n').map(line => line.trimEnd())).toEqual([
    '   NAME  ID               USED       PATH',
    '   shop  ws-55b39db761b0  5 min ago  /home/you/shop',
    '*  box   ws-ac13570dc26e  never      https://box.example:4096 /srv/app',
  ])
  expect(daemonText({ ...STATUS, instances: [] }, [], AT_80)).toContain('openwork workspace add')
})

test('what is wrong with a changed file is told with the workspace, and nothing a stranger wrote moves the cursor', () => {
  const problems = [{ path: '/home/you/blog/opencode.json', line: 3, column: 7, message: 'comma expected \x1b[2J' }]
  const reload = {
    directory: blog.path,
    state: 'blocked' as const,
    watching: 'events' as const,
    pending: [],
    problems,
    reloads: 2,
  }
  const blocked = instance(blog, { state: 'idle', reload })

  for (const text of [
    daemonText({ ...STATUS, instances: [blocked] }, [{ ...blog, name: 'blog\x1b[31m' }], AT_80),
    workspaceText({ workspace: { ...blog, name: 'blog\x1b[31m' }, instance: blocked }, NOW),
  ]) {
    expect(text).toContain('/home/you/blog/opencode.json:3:7: comma expected')
    expect(text).not.toContain('\x1b')
  }
})

test('what was reloaded last is told, and why; without hot reload nothing is called up to date', () => {
  const reload = {
    directory: blog.path,
    state: 'current' as const,
    watching: 'events' as const,
    pending: [],
    problems: [],
    reloads: 1,
    last: {
      directory: blog.path,
      cause: 'change' as const,
      extent: 'instance' as const,
      changes: [
        {
          kind: 'command' as const,
          name: 'ship',
          action: 'added' as const,
          path: `${blog.path}/.opencode/command/ship.md`,
        },
      ],
      before: { commands: 3, agents: 2, skills: 0 },
      after: { commands: 4, agents: 2, skills: 0 },
      at: minutesAgo(5),
      tookMs: 120,
    },
  }
  const told = 'current; last reload 5 min ago (120 ms): command "ship" added, commands 3 -> 4'
  const reloaded = instance(blog, { state: 'idle', reload })
  expect(daemonText({ ...STATUS, instances: [reloaded] }, [blog], AT_80)).toEndWith(`\n\nblog: ${told}`)
  expect(workspaceText({ workspace: blog, instance: reloaded }, NOW)).toContain(`Hot reload ${told}`)

  const off = instance(blog, { state: 'idle', reload: { ...reload, watching: 'off', last: undefined } })
  expect(daemonText({ ...STATUS, instances: [off] }, [blog], AT_80)).toMatch(/RELOAD[\s\S]*blog .* off /)
})

test('an opencode that takes too much is told as such', () => {
  const engine = { ...STATUS.engine, memoryLimitBytes: 500_000_000, restarts: 1, isDraining: true }

  expect(daemonText({ ...STATUS, engine }, [shop], AT_80)).toMatch(
    /512 MB of 500 MB {2}3 children {2}1 restart {2}waits for its sessions to end/,
  )
})

test('a folder that opencode refuses is not called held, and what is wrong with it is told once', () => {
  const problems = [{ path: '/home/you/blog/opencode.json', line: 2, column: 3, message: 'a comma is missing' }]
  const broken = instance(blog, { state: 'broken', problems })

  const text = daemonText({ ...STATUS, instances: [broken] }, [blog], AT_80)

  expect(text).toMatch(/^ {2}blog {2}ws-0d6c9b3f8a11 {2}broken {2}never {2}\/home\/you\/blog$/m)
  expect(text).toContain(`blog: opencode refuses every request for this folder until it is mended
  /home/you/blog/opencode.json:2:3: a comma is missing`)
  expect(text.split('a comma is missing')).toHaveLength(2)
  expect(workspaceText({ workspace: blog, instance: broken }, NOW)).toContain('opencode.json:2:3: a comma is missing')
})

test('whoever holds a lease is told, with the id that ends it', () => {
  const lease = { id: 'lease-1', workspaceId: blog.id, label: 'nightly run', expiresAt: NOW + 24 * 3_600_000 }
  const held = instance(blog, { state: 'held', leases: [lease] })

  expect(workspaceText({ workspace: blog, instance: held }, NOW)).toMatch(
    /^In memory {2}held {2}1 lease\nLease {6}lease-1 {2}nightly run {2}until 2026-11-23 \d\d:\d\d$/m,
  )
})
