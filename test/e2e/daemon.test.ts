// One daemon with many folders through the built executable, as people and scripts use it.
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonWorkspace } from '../../src/api/daemon.ts'
import { daemonFiles } from '../../src/daemon/daemon-files.ts'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { answerOf, type Changed, clientOf, newDaemonWorld, pairPhone, type ShownStatus, statusOf } from './daemon.ts'
import { eventually, failureOf, isAlive, kill, OPENCODE, SERVER, testUnless, type World } from './harness.ts'

type Listed = { ok: boolean; activeId: string; workspaces: DaemonWorkspace[] }

const namesIn = async (world: World): Promise<string[]> =>
  (await answerOf<Listed>(world, ['workspace', 'list'])).workspaces.map(({ name }) => name)

/** For their owner alone, and what is in them is shown nowhere. */
const SECRET_FILES = /remote-credentials\.json$|server\.json$/

/** Nothing of a daemon is left but what it keeps for the next one. */
function expectNothingLeft(world: World): void {
  expect(world.processes()).toEqual([])
  const files = daemonFiles(world.dataDir)
  expect(existsSync(files.lock)).toBe(false)
  expect(readdirSync(files.folder).filter(name => name.startsWith('start-'))).toEqual([])
  expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  const state = existsSync(files.state) ? JSON.parse(readFileSync(files.state, 'utf8')) : {}
  expect([state.daemon, state.opencode]).toEqual([undefined, undefined])
}

test('a daemon from its first folder to its end: one pairing, every folder, and no secret where others see it', async () => {
  await using model = await startModelProvider({ reply: 'So it is.' })
  await using world = await newDaemonWorld(workspaceConfig(model.url))
  const other = join(world.home, 'other')

  // Nothing runs, and nothing is started to say so.
  expect(await answerOf<Listed>(world, ['workspace', 'list'])).toEqual({ ok: true, activeId: '', workspaces: [] })
  expect(await failureOf(world, ['daemon', 'status'])).toMatchObject({ exitCode: 1, code: 'daemon_not_running' })
  expect(await failureOf(world, ['daemon', 'stop'])).toMatchObject({ exitCode: 1, code: 'daemon_not_running' })
  expect(world.processes()).toEqual([])

  // Two at once, one of them by adding a folder: one daemon.
  const [started, added] = await Promise.all([
    answerOf<ShownStatus>(world, ['daemon', 'start']),
    answerOf(world, ['workspace', 'add', '.', '--name', 'first']),
  ])
  const { daemon, baseUrl } = await statusOf(world)
  expect(started.daemon).toEqual(daemon)
  expect(world.processes().filter(({ command }) => command.includes('daemon run'))).toHaveLength(1)
  expect(added).toMatchObject({ ok: true, workspace: { name: 'first', path: world.workspace, workspaceType: 'local' } })

  // Paths are meant from where they are typed; one that is missing is made.
  const second = await answerOf(world, ['workspace', 'add', 'other'], { cwd: world.home })
  expect(second).toMatchObject({ activeId: added.workspace.id, workspace: { path: other, name: 'other' } })
  expect(await answerOf(world, ['workspaces', 'switch', '.'], { cwd: other })).toMatchObject({
    activeId: second.workspace.id,
  })
  expect(await answerOf(world, ['workspace', 'info', 'first'])).toMatchObject({ workspace: added.workspace })
  expect(await answerOf(world, ['workspace', 'path', '../home/other'])).toMatchObject({ path: { directory: other } })
  expect(await namesIn(world)).toEqual(['first', 'other'])
  expect(await failureOf(world, ['workspace', 'info', 'third'])).toMatchObject({
    exitCode: 3,
    code: 'workspace_not_found',
  })

  // One pairing for all of them, also for those that come later.
  const phone = await pairPhone(world)
  writeFileSync(join(other, 'opencode.json'), JSON.stringify(workspaceConfig(model.url)))
  expect(await answerOf(world, ['instance', 'dispose', 'other'])).toEqual({ ok: true, disposed: true } as never)
  expect(await phone.folders()).toEqual([other, world.workspace].sort())
  const answers = await Promise.all([added, second].map(({ workspace }) => phone.prompt(workspace.id, 'Is it?')))
  for (const answer of answers) expect(answer).toContain('So it is.')
  const stream = await phone.ask(`/w/${added.workspace.id}/opencode/event`)
  mkdirSync(join(world.home, 'third'))
  const third = await answerOf(world, ['workspace', 'add', join(world.home, 'third')])
  expect(await phone.folders()).toContain(third.workspace.path)
  await answerOf(world, ['workspace', 'remove', 'third'])
  await eventually('the folder to be gone', async () => !(await phone.folders()).includes(third.workspace.path))
  expect((await phone.ask(`/w/${third.workspace.id}/opencode/session`)).status).toBe(404)
  expect(existsSync(third.workspace.path)).toBe(true)
  expect(stream.bodyUsed).toBe(false)
  await stream.body?.cancel()

  // Whoever has no token, comes by another name, or from a web page, is refused.
  const { token } = await clientOf(world)
  const ask = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${baseUrl}/instances/first/dispose`, { method: 'POST', headers })).status
  const authorization = `Bearer ${token}`
  expect(await ask({ authorization })).toBe(200)
  expect(await ask({})).toBe(401)
  expect(await ask({ authorization: `Bearer ${'0'.repeat(64)}` })).toBe(401)
  expect(await ask({ authorization, host: 'evil.example' })).toBe(403)
  expect(await ask({ authorization, origin: 'https://evil.example' })).toBe(403)
  const files = daemonFiles(world.dataDir)
  for (const file of [files.token, files.state, files.log]) expect(statSync(file).mode & 0o777).toBe(0o600)
  for (const { command } of world.processes()) expect(command).not.toContain(token)
  expect(readFileSync(files.log, 'utf8')).not.toContain(token)

  await expectAttached(world, added)

  // Another data dir has a daemon of its own, which knows nothing of this one.
  const elsewhere = { env: { OPENWORK_DATA_DIR: join(world.home, 'elsewhere') } }
  const apart = await answerOf<ShownStatus>(world, ['daemon', 'start'], elsewhere)
  expect(apart.daemon?.pid).not.toBe(daemon?.pid)
  expect(apart.workspaceCount).toBe(0)
  await answerOf(world, ['daemon', 'stop'], elsewhere)

  expect(await answerOf(world, ['daemon', 'stop'])).toEqual({ ok: true } as never)
  expectNothingLeft(world)
  await expect(fetch(`${baseUrl}/health`)).rejects.toThrow()
  expect(await namesIn(world)).toEqual(['first', 'other'])
}, 60_000)

/** `start` of a folder of the daemon: refused, or at the daemon, which goes on when it is left. */
async function expectAttached(world: World, { workspace }: Changed): Promise<void> {
  const before = world.processes().length
  expect(await failureOf(world, ['start'])).toMatchObject({
    exitCode: 3,
    code: 'workspace_served_by_daemon',
    hint: expect.stringContaining('--attach'),
  })
  const attached = world.start(['start', '--attach', '--json'])
  const document = JSON.parse((await attached.prints(/^\{[\s\S]*?^\}\n/m))[0])
  const { connectUrl, token } = document.openwork
  const headers = { authorization: `Bearer ${token}` }
  expect((await fetch(`${connectUrl}/opencode/session`, { headers })).status).toBe(200)
  expect((await (await clientOf(world)).workspace(workspace.id)).instance?.leases).toHaveLength(1)
  expect(world.processes()).toHaveLength(before + 1)

  attached.signal('SIGINT')
  expect((await attached.exited).code).toBe(0)
  expect((await (await clientOf(world)).workspace(workspace.id)).instance?.leases).toEqual([])
  expect(world.processes()).toHaveLength(before)
}

const NO_PROC = process.platform === 'linux' ? undefined : 'needs /proc'

testUnless(NO_PROC)(
  'whatever is killed, the list is whole, clients find everything again, and nothing is left behind',
  async () => {
    await using world = await newDaemonWorld()
    // Called by the agent of a host: what that host would clean up with itself is not the daemon.
    const env = { OPENWORK: '1', OPENWORK_RUN_ID: 'of-the-host', OPENWORK_SPAWN: 'of-the-host:opencode:0' }
    const { workspace } = await answerOf(world, ['workspace', 'add', '.'], { env })
    const phone = await pairPhone(world)
    const before = await statusOf(world)
    expect(readFileSync(`/proc/${before.daemon?.pid}/environ`, 'utf8')).not.toContain('of-the-host')
    const works = async (): Promise<boolean> => {
      try {
        return (await phone.ask(`/w/${workspace.id}/opencode/session`)).status === 200
      } catch {
        return false // it is down
      }
    }
    expect(await works()).toBe(true)

    for (const part of [OPENCODE, SERVER]) {
      const pid = world.pidOf(part)
      kill(pid, 'SIGKILL')
      await eventually('another one', async () =>
        world.processes().some(p => p.command.includes(part) && p.pid !== pid),
      )
      await eventually('it to work again', works)
    }
    expect((await statusOf(world)).engine.restarts).toBe(1)

    const attached = world.start(['start', '--attach'])
    await attached.prints(/Ctrl-C leaves the daemon running/)
    kill(before.daemon?.pid ?? 0, 'SIGKILL')
    expect(await attached.exited).toMatchObject({ code: 1, stderr: expect.stringContaining('No daemon is running') })
    await eventually('nothing to be left', () => world.processes().length === 0)
    expect(await namesIn(world)).toEqual(['workspace'])
    expect(await failureOf(world, ['daemon', 'status'])).toMatchObject({ code: 'daemon_not_running' })
    expect(await answerOf(world, ['workspace', 'path', '.'])).toMatchObject({ path: { directory: world.workspace } })
    const after = await statusOf(world)
    expect(after.daemon?.pid).not.toBe(before.daemon?.pid)
    expect([after.baseUrl, after.opencode?.baseUrl]).toEqual([before.baseUrl, before.opencode?.baseUrl])
    expect(await pairPhone(world).then(other => other.folders())).toEqual([world.workspace])

    // What a killed one left is taken away by stopping it, too.
    kill(after.daemon?.pid ?? 0, 'SIGKILL')
    await eventually('its end', () => !isAlive(after.daemon?.pid ?? 0))
    expect(await answerOf(world, ['daemon', 'stop'])).toEqual({ ok: true } as never)
    expectNothingLeft(world)
  },
  60_000,
)

test('what nobody uses is forgotten, what is held is not, and a workspace elsewhere gets only its own password', async () => {
  await using world = await newDaemonWorld({}, { OPENWORK_IDLE_TIMEOUT: '1s' })
  const { workspace } = await answerOf(world, ['workspace', 'add', '.'])
  const { lease } = await answerOf<{ lease: { id: string } }>(world, ['instance', 'lease', '.', '--label', 'test'])
  await answerOf(world, ['workspace', 'path', '.'])
  const client = await clientOf(world)
  const instance = async () => (await client.workspace(workspace.id)).instance

  // While it is held, the remote one is asked.
  const seen: { path: string; authorization: string | null }[] = []
  await using box = Object.assign(Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer }), {
    [Symbol.asyncDispose]: async () => box.stop(true),
  })
  function answer(request: Request): Response {
    seen.push({ path: new URL(request.url).pathname, authorization: request.headers.get('authorization') })
    return Response.json({ home: '/h', state: '/s', config: '/c', worktree: '/', directory: '/srv/app' })
  }
  const env = { OPENWORK_REMOTE_USERNAME: 'ada', OPENWORK_REMOTE_PASSWORD: 'of-the-box-alone' }
  await answerOf(world, ['workspace', 'add-remote', `${box.url.href}/`, '--directory', '/srv/app', '--name', 'box'], {
    env,
  })
  await answerOf(world, ['workspace', 'add-remote', box.url.href, '--name', 'open'])
  await answerOf(world, ['workspace', 'path', 'box'])
  await answerOf(world, ['workspace', 'path', 'open'])
  expect(seen).toEqual([
    { path: '/path', authorization: `Basic ${btoa('ada:of-the-box-alone')}` },
    { path: '/path', authorization: null },
  ])
  for (const file of world.files().filter(file => file.startsWith('data/') && !SECRET_FILES.test(file)))
    if (statSync(join(world.home, '..', file)).isFile())
      expect(readFileSync(join(world.home, '..', file), 'utf8')).not.toContain('of-the-box-alone')

  expect(await instance()).toMatchObject({ state: 'held', evictions: 0 })
  await answerOf(world, ['instance', 'release', lease.id])
  await eventually('it to be forgotten', async () => (await instance())?.evictions === 1)
  expect(await instance()).toMatchObject({ state: 'none', leases: [] })
  await answerOf(world, ['daemon', 'stop'])
}, 60_000)

test('a daemon that cannot start says why at once, with the code of what went wrong', async () => {
  await using world = await newDaemonWorld()

  const args = ['workspace', 'add', '.', '--allow-external', '--opencode-bin']
  expect(await failureOf(world, [...args, './nowhere'])).toMatchObject({
    exitCode: 4,
    code: 'opencode_not_found',
    error: expect.stringContaining(join(world.workspace, 'nowhere')),
  })

  writeFileSync(join(world.workspace, 'broken'), '#!/bin/sh\necho 1.0.0; [ "$1" = --version ] || exit 7\n', {
    mode: 0o755,
  })
  expect(await failureOf(world, [...args, './broken'])).toMatchObject({ code: 'service_gave_up' })
  expectNothingLeft(world)
}, 60_000)
