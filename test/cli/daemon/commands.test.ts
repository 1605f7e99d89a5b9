import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonWorkspace } from '../../../src/api/daemon.ts'
import { daemonFiles } from '../../../src/daemon/daemon-files.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { freePort } from '../../supervisor/support.ts'
import { type Ran, runCommand } from '../commands/run-command.ts'
import { type Seen, type StandIn, startStandIn, TOKEN } from './stand-in.ts'

const workspace = (id: string, name: string, path: string): DaemonWorkspace => ({
  id,
  name,
  path,
  workspaceType: 'local',
  createdAt: 1,
})
const shop = workspace('ws-000000000001', 'shop', '/srv/shop')

const run = ({ env, folder }: StandIn, ...argv: string[]): Promise<Ran> => runCommand(argv, env, folder)

/** The last of what was asked, beside what every command asks. */
const lastOf = ({ seen }: StandIn): Seen | undefined => seen.findLast(({ path }) => path !== '/health')

const disposed = (): Response => Response.json({ disposed: true })

test('a word that names a workspace is an id or a name, or a folder from where it is typed', async () => {
  await using daemon = await startStandIn({
    version: VERSION,
    workspaces: [shop, workspace('ws-2', 'named/like/a/path', '/srv/gone')],
    answer: disposed,
  })
  mkdirSync(join(daemon.folder, 'here'))
  symlinkSync(join(daemon.folder, 'here'), join(daemon.folder, 'link'))

  for (const [typed, asked] of [
    ['shop', 'shop'],
    [shop.id, shop.id],
    ['named/like/a/path', 'named/like/a/path'],
    ['here', join(daemon.folder, 'here')],
    ['./link/', join(daemon.folder, 'here')],
    ['~/here', join(daemon.folder, 'here')],
    ['/srv/gone/', '/srv/gone'],
    ['nowhere', 'nowhere'],
  ] as const) {
    expect(await run(daemon, 'instance', 'dispose', typed)).toMatchObject({ code: 0 })
    expect(lastOf(daemon)?.path).toBe(`/instances/${encodeURIComponent(asked)}/dispose`)
    expect(lastOf(daemon)?.authorization).toBe(`Bearer ${TOKEN}`)
  }
})

test('a folder to add is meant from where it is typed, and what is given with it arrives', async () => {
  await using daemon = await startStandIn({
    version: VERSION,
    answer: ({ body }) =>
      Response.json(
        { activeId: 'ws-1', workspace: workspace('ws-1', 'x', JSON.parse(body).path ?? '') },
        { status: 201 },
      ),
  })

  expect(await run(daemon, 'workspace', 'add', '../x', '--name', 'n')).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(lastOf(daemon)?.body ?? '')).toEqual({ path: join(daemon.folder, '..', 'x'), name: 'n' })

  const remote = ['workspace', 'add-remote', 'https://box:4096', '--directory', '/srv/app', '--password', 'hunter22']
  const { stdout, stderr } = await run(daemon, ...remote)
  expect(JSON.parse(lastOf(daemon)?.body ?? '')).toEqual({
    baseUrl: 'https://box:4096',
    directory: '/srv/app',
    password: 'hunter22',
  })
  expect(stdout + stderr).not.toContain('hunter22')
})

test('a daemon of another version is used, and said to be one', async () => {
  await using daemon = await startStandIn({ version: '0.1.0', workspaces: [shop] })

  const { code, stdout, stderr } = await run(daemon, 'workspace', 'list')

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, workspaces: [shop] })
  expect(stderr).toContain(`The daemon is openwork 0.1.0, this is ${VERSION}`)
  expect(stderr).toContain('openwork daemon stop && openwork daemon start')
})

test('flags that a running daemon cannot take any more are named', async () => {
  await using daemon = await startStandIn({ version: VERSION, workspaces: [shop], answer: disposed })

  const { stderr } = await run(
    daemon,
    'instance',
    'dispose',
    'shop',
    '--idle-timeout',
    '1h',
    '--data-dir',
    daemon.dataDir,
  )

  expect(stderr).toContain('The daemon runs already: --idle-timeout will count when it is started again')
})

test('commands about a daemon take the flags of one, and say when its address is another', async () => {
  await using daemon = await startStandIn({
    version: VERSION,
    workspaces: [shop],
    answer: ({ method }) => Response.json(method === 'DELETE' ? { ok: true } : { workspace: shop }),
  })
  const port = new URL(JSON.parse(readFileSync(daemonFiles(daemon.dataDir).state, 'utf8')).daemon.baseUrl).port
  const others = ['--verbose', '--log-format=json', '--idle-timeout=1h', '--opencode-port=4096']
  const spoilt = { ...daemon, env: { ...daemon.env, OPENWORK_IDLE_TIMEOUT: 'nonsense' } }

  for (const command of ['workspace list', 'workspace info shop', 'instance release lease-1']) {
    const right = await run(
      spoilt,
      ...command.split(' '),
      '--daemon-host=127.0.0.1',
      `--daemon-port=${port}`,
      ...others,
    )
    expect([command, right.code, right.stderr]).toEqual([command, 0, ''])
    const wrong = await run(daemon, ...command.split(' '), '--daemon-port=1', ...others)
    expect([wrong.code, wrong.stderr]).toEqual([0, expect.stringMatching(/:\d+, not --daemon-port 1; .*--data-dir/)])
  }
  await using none = await startStandIn({ version: VERSION, isHeld: false })
  for (const command of ['status', 'stop'])
    expect((await run(none, 'daemon', command, '--daemon-port=1', ...others)).code).toBe(command === 'stop' ? 0 : 1)
})

test('a daemon of another machine is told at once, and how long it is believed in', async () => {
  await using daemon = await startStandIn({ version: VERSION, isHeld: false, workspaces: [shop] })
  const { lock, state } = daemonFiles(daemon.dataDir)
  const holdElsewhere = (holder: { startedAtMs: number; silentMs: number }): void => {
    const { startedAtMs, silentMs } = holder
    writeFileSync(lock, JSON.stringify({ pid: process.pid, startTime: null, nonce: 'n', startedAtMs, machine: 'box' }))
    const seen = new Date(Date.now() - silentMs)
    utimesSync(lock, seen, seen)
  }

  holdElsewhere({ startedAtMs: 2, silentMs: 59_000 })
  const starting = await run(daemon, 'workspace', 'list')
  expect([starting.code, starting.stderr]).toEqual([
    0,
    expect.stringMatching(/process \d+ of another machine or container\. .* taken in 1 s\n$/),
  ])

  const known = JSON.parse(readFileSync(state, 'utf8'))
  const address = { ...known.daemon, startedAt: 3, baseUrl: `http://127.0.0.1:${await freePort()}` }
  writeFileSync(state, JSON.stringify({ ...known, daemon: address }))
  holdElsewhere({ startedAtMs: 3, silentMs: 0 })
  const silent = await run(daemon, 'workspace', 'list')
  expect([silent.code, silent.stderr]).toEqual([1, expect.stringMatching(/another machine or container.*\n.*60 s/)])
})

test('what a killed daemon left is not asked: the token stays here, and the list is read from the file', async () => {
  await using daemon = await startStandIn({ version: VERSION, isHeld: false, workspaces: [shop] })

  expect(await run(daemon, 'daemon', 'status', '--json')).toMatchObject({ code: 1 })
  const list = await run(daemon, 'workspace', 'list')
  expect(JSON.parse(list.stdout)).toEqual({ ok: true, activeId: shop.id, workspaces: [shop] })
  expect(JSON.parse((await run(daemon, 'workspace', 'info', 'shop')).stdout)).toEqual({ ok: true, workspace: shop })
  expect((await run(daemon, 'workspace', 'info', 'blog', '--json')).stdout).toContain('workspace_not_found')

  expect(daemon.seen).toEqual([])
})

test('without a daemon a word that names no workspace starts none, and nothing is in memory', async () => {
  await using daemon = await startStandIn({ version: VERSION, isHeld: false, workspaces: [shop] })

  for (const command of [
    'workspace path',
    'workspace switch',
    'workspace remove',
    'instance lease',
    'instance dispose',
  ]) {
    const { code, stdout } = await run(daemon, ...command.split(' '), 'shpo', '--json')
    expect([command, code, JSON.parse(stdout).code]).toEqual([command, 3, 'workspace_not_found'])
  }
  const disposed = await run(daemon, 'instance', 'dispose', 'shop')
  expect([disposed.code, JSON.parse(disposed.stdout)]).toEqual([0, { ok: true, disposed: false }])
  expect(JSON.parse((await run(daemon, 'daemon', 'status', '--json')).stdout)).toMatchObject({
    code: 'daemon_not_running',
  })
})

test('the help of a command that may start the daemon shows its own flags, and takes those of the daemon', async () => {
  const { stdout } = await runCommand(['workspace', 'switch', '--help'], {})

  expect(stdout.replaceAll('\n', ' ')).toContain('openwork daemon start')
  expect(stdout).toContain('--data-dir')
  expect(stdout).not.toContain('--idle-timeout')
  expect(stdout.split('\n').length).toBeLessThan(30)
})

test('a workspace where somebody works is removed only with --force, which says what it ended', async () => {
  const work = { sessions: ['ses_1'], permissions: [], questions: [], terminals: [] }
  await using daemon = await startStandIn({
    version: VERSION,
    workspaces: [shop],
    answer: ({ search }) =>
      search === '?force=true'
        ? Response.json({ ok: true, activeId: '', removed: shop, ended: work })
        : Response.json(
            { code: 'workspace_busy', message: '"shop" is busy: 1 session', details: { work } },
            { status: 409 },
          ),
  })

  const refused = await run(daemon, 'workspace', 'remove', 'shop')
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/is busy: 1 session\n.*--force/)])
  for (const command of ['workspace remove', 'instance dispose']) {
    const { stdout } = await run(daemon, ...command.split(' '), 'shop', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ code: 'workspace_busy', details: { work } })
  }
  const removed = await run(daemon, 'workspace', 'remove', 'shop', '--force')
  expect([removed.code, JSON.parse(removed.stdout)]).toMatchObject([0, { ok: true, removed: shop, ended: work }])
})

test('what the daemon noticed about a folder that was added is told beside the result', async () => {
  await using daemon = await startStandIn({
    version: VERSION,
    answer: () => Response.json({ activeId: shop.id, workspace: shop, created: true, notes: ['look \x1b[2J here'] }),
  })

  const { stdout, stderr } = await run(daemon, 'workspace', 'add', 'shop')

  expect(JSON.parse(stdout)).toMatchObject({ ok: true, workspace: shop, created: true })
  expect(stderr).toMatch(/^look [^\x1b]*here\n$/)
})

test('a folder and a URL are not taken for each other, and no password is repeated', async () => {
  await using daemon = await startStandIn({ version: VERSION })

  const folder = await run(daemon, 'workspace', 'add', 'https://ada:hunter22@box:4096')
  const remote = await run(daemon, 'workspace', 'add-remote', 'box//ada:hunter22@box')

  expect([folder.code, folder.stderr]).toEqual([2, expect.stringContaining('workspace add-remote <base-url>')])
  expect([remote.code, remote.stderr]).toEqual([
    2,
    expect.stringContaining('<base-url>: expected an http or https URL'),
  ])
  expect(folder.stderr + remote.stderr).not.toContain('hunter22')
  expect(daemon.seen).toEqual([])
})

test('what is wrong with the flags of a daemon is said before anything is started', async () => {
  await using daemon = await startStandIn({ version: VERSION, isHeld: false })

  for (const [flag, mention] of [
    ['--daemon-host=0.0.0.0', 'loopback'],
    ['--opencode-host=10.0.0.1', 'loopback'],
    ['--connect-host=box', '--remote-access'],
    ['--idle-timeout=15', '15m'],
    ['--opencode-memory-limit=1MB', 'at least 64 MB'],
    ['--opencode-bin=/bin/true', '--allow-external'],
  ] as const) {
    const { code, stderr } = await run(daemon, 'workspace', 'add', '.', flag)
    expect([flag, code]).toEqual([flag, 2])
    expect(stderr).toContain(mention)
  }
  expect(daemon.seen).toEqual([])
})

test('a data dir that can be none is refused, and named', async () => {
  await using daemon = await startStandIn({ version: VERSION, isHeld: false })
  const dataDir = join(daemonFiles(daemon.dataDir).token, 'below')

  for (const argv of [
    ['daemon', 'status'],
    ['daemon', 'stop'],
    ['daemon', 'start'],
    ['workspace', 'list'],
    ['start'],
  ]) {
    const { stdout } = await run(daemon, ...argv, '--data-dir', dataDir, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ code: 'data_dir_unusable', error: expect.stringContaining(dataDir) })
  }
})

test('nothing is written into a data dir that is not safe from others', async () => {
  await using daemon = await startStandIn({ version: VERSION, isHeld: false })
  const dataDir = join(daemon.dataDir, 'open')
  mkdirSync(dataDir)
  chmodSync(dataDir, 0o777)

  const { stdout } = await run(daemon, 'daemon', 'start', '--data-dir', dataDir, '--json')
  expect(JSON.parse(stdout)).toMatchObject({ code: 'data_dir_unusable', error: expect.stringContaining(dataDir) })
  expect(readdirSync(dataDir)).toEqual([])
})

test('a daemon that refuses a name says so with its own code', async () => {
  await using daemon = await startStandIn({
    version: VERSION,
    answer: () => Response.json({ code: 'workspace_ambiguous', message: 'Two are called so' }, { status: 409 }),
  })

  const { code, stdout } = await run(daemon, 'workspace', 'remove', 'twice', '--json')

  expect(code).toBe(2)
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: 'workspace_ambiguous', error: 'Two are called so' })
})

test('what is on another machine is not reloaded here, whether its name or its id is typed', async () => {
  const box = { ...workspace('ws-2', 'box', '/srv/app'), workspaceType: 'remote' as const, baseUrl: 'https://box:4096' }
  for (const workspaces of [[box], [shop, box]]) {
    await using daemon = await startStandIn({ version: VERSION, workspaces })
    for (const typed of ['box', box.id]) {
      const { code, stdout } = await run(daemon, 'reload', typed, '--json')
      expect([code, JSON.parse(stdout)]).toMatchObject([2, { code: 'workspace_not_local' }])
    }
  }
})

test('a reload that cannot be is told with what opencode does meanwhile, and scripts get the problems themselves', async () => {
  const problems = [{ path: '/srv/shop/opencode.json', line: 2, column: 3, message: 'a comma is missing' }]
  const instance = { workspaceId: shop.id, listeners: 0, leases: [], evictions: 0 }
  for (const [state, told] of [
    ['broken', 'opencode refuses every request for this folder'],
    ['idle', 'opencode goes on with what it had'],
    ['none', 'reload again'],
  ] as const) {
    await using daemon = await startStandIn({
      version: VERSION,
      workspaces: [shop],
      answer: ({ path }) =>
        path.endsWith('/reload')
          ? Response.json({ code: 'opencode_config_invalid', message: 'no', details: { problems } }, { status: 422 })
          : Response.json({ workspace: shop, instance: { ...instance, state } }),
    })

    expect((await run(daemon, 'reload', 'shop')).stderr).toMatch(
      new RegExp(`/srv/shop/opencode\\.json:2:3: a comma is missing\\n.*${told}`),
    )
    const { stdout } = await run(daemon, 'reload', 'shop', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ code: 'opencode_config_invalid', details: { problems } })
  }
})
