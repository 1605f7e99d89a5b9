// Hosts in the background, by the built executable: detached ones outlive whoever started them, others do not.
import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { HostSnapshot } from '../../src/api/host.ts'
import {
  eventually,
  failureOf,
  isAlive,
  kill,
  newMoodyWorld,
  newWorld,
  OPENCODE,
  OPENWORK,
  type ReadyDocument,
  SERVER,
  testUnless,
  type World,
} from './harness.ts'

const onLinux = testUnless(process.platform === 'linux' ? undefined : 'Linux only: processes are looked for in /proc')

type Detached = ReadyDocument & { detached: true; pid: number; logFile: string; checks?: { name: string }[] }

/** A command in a terminal of its own, which is closed with it. */
function inTerminal(world: World, args: readonly string[]) {
  const decoder = new TextDecoder()
  let text = ''
  const command = Bun.spawn([OPENWORK, ...args], {
    cwd: world.workspace,
    env: { ...world.env, TERM: 'xterm-256color' },
    terminal: {
      cols: 100,
      rows: 30,
      data: (_, bytes) => {
        text += decoder.decode(bytes, { stream: true })
      },
    },
  })
  return {
    pid: command.pid,
    exited: command.exited,
    type: (keys: string) => void command.terminal?.write(keys),
    shows: (what: string) => eventually(`${what} in ${text}`, () => text.includes(what)),
    text: () => text,
    close: () => command.terminal?.close(),
  }
}

const sessionOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3] ?? ''
}

function expectNothingLeft(world: World): void {
  expect(world.processes()).toEqual([])
  expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
}

const allGone = (world: World): Promise<void> =>
  eventually(
    'nothing to be left',
    () => world.processes().length === 0 && readdirSync(join(world.dataDir, 'runs')).length === 0,
  )

onLinux(
  'a detached host is checked, has a log, outlives its terminal, answers, and leaves nothing when it is stopped',
  async () => {
    await using world = await newWorld()
    const terminal = inTerminal(world, ['start', '--detach', '--check', '--json', '--openwork-port', '0'])
    expect(await terminal.exited).toBe(0) // the leader of its session: that is hung up now
    terminal.close()
    const { detached, pid, logFile, openwork, checks } = JSON.parse(terminal.text().replace(/^[^{]*/, '')) as Detached

    expect(detached).toBe(true)
    expect(checks).toContainEqual(expect.objectContaining({ name: 'opencode session' }))
    expect(statSync(logFile).mode & 0o777).toBe(0o600)
    expect(statSync(join(logFile, '..')).mode & 0o777).toBe(0o700)
    const pids = [pid, world.pidOf(OPENCODE), world.pidOf(SERVER)]
    for (const each of pids) expect([each, sessionOf(each)]).not.toEqual([each, String(terminal.pid)])
    const health = await fetch(`${openwork.baseUrl}/health`, { signal: AbortSignal.timeout(5_000) })
    expect(health.status).toBe(200)
    const [run] = readdirSync(join(world.dataDir, 'runs'))
    const { info } = JSON.parse(readFileSync(join(world.dataDir, 'runs', run ?? ''), 'utf8'))
    expect(info).toMatchObject({ logFile, isDetached: true })
    const snapshot = await fetch(`${info.control.baseUrl}/host`, {
      headers: { authorization: `Bearer ${info.control.token}` },
      signal: AbortSignal.timeout(5_000),
    })
    expect((await snapshot.json()) as HostSnapshot).toMatchObject({ pid, isDetached: true, health: 'ready' })
    expect(
      world
        .processes()
        .map(({ command }) => command)
        .join(),
    ).not.toContain(openwork.token)
    expect(readFileSync(logFile, 'utf8')).not.toContain(openwork.token)

    kill(pid, 'SIGTERM')
    await allGone(world)
    expect(readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1)).toContain('"body":"stopped"')
  },
  60_000,
)

test('a detached host that does not come up ends the command as it would have ended itself', async () => {
  await using world = await newMoodyWorld('')
  await using busy = Object.assign(Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() }), {
    [Symbol.asyncDispose]: async () => busy.stop(true),
  })
  const start = (...args: string[]) => failureOf(world, ['start', '--detach', ...args])

  expect(await start('--workspace', 'nowhere')).toMatchObject({ exitCode: 3, code: 'workspace_not_found' })
  expect(await start('--connect-host', 'box')).toMatchObject({ exitCode: 2, code: 'flags_conflict' })
  expect(existsSync(world.dataDir)).toBe(false)
  expect(await start('--openwork-port', String(busy.port))).toMatchObject({
    exitCode: 3,
    code: 'port_in_use',
    error: expect.stringContaining(String(busy.port)),
    details: { logFile: expect.stringContaining(world.dataDir) },
  })
  // What the fixture is asked by a check it does not know.
  expect(await start('--openwork-port', '0', '--check')).toMatchObject({ exitCode: 1, code: 'check_failed' })
  expectNothingLeft(world)
})

onLinux('until it is ready a detached host ends with the command, by ^C and by kill -9', async () => {
  await using world = await newMoodyWorld('late', { FAKE_OPENCODE_LATE_MS: '3600000' })
  const begin = async (args: string[], env?: Record<string, string>) => {
    const command = world.start(['start', '--openwork-port', '0', ...args], { ...(env && { env }) })
    await eventually('opencode to start', () => world.processes().some(({ command: line }) => line.includes(OPENCODE)))
    return command
  }

  const interrupted = await begin(['--detach'])
  interrupted.signal('SIGINT')
  expect(await interrupted.exited).toMatchObject({ code: 130, stderr: expect.stringContaining('everything that was') })
  expectNothingLeft(world)

  const killed = await begin([], { OPENWORK_DETACH: '1' })
  killed.signal('SIGKILL')
  await allGone(world)
})

onLinux(
  'a host that is shown in a terminal ends with the dashboard, also when that is killed or its terminal closed',
  async () => {
    await using world = await newMoodyWorld('')
    const show = async () => {
      const terminal = inTerminal(world, ['start', '--openwork-port', '0'])
      await terminal.shows('All green')
      return terminal
    }

    const left = await show()
    left.type('q')
    await left.shows('opencode does not say') // whether it is at work: the fixture cannot
    left.type('y')
    expect(await left.exited).toBe(0)
    await left.shows('openwork has stopped, it ran ')
    expect(left.text()).toMatch(/Its log: openwork logs \S+ --data-dir /)
    expectNothingLeft(world)
    left.close()

    const killed = await show()
    kill(killed.pid, 'SIGKILL')
    await allGone(world)
    killed.close()

    const closed = await show()
    closed.close()
    await closed.exited
    await allGone(world)

    const lost = await show()
    kill(world.pidOf('--background'), 'SIGKILL')
    await lost.shows('The host has ended')
    lost.type('q')
    expect(await lost.exited).toBe(1)
    expect(lost.text()).toContain('it ended with SIGKILL')
    expectNothingLeft(world)
    lost.close()

    const detached = await show()
    const host = world.pidOf('--background')
    detached.type('d')
    expect(await detached.exited).toBe(0)
    expect(detached.text()).toContain('openwork is running in the background')
    expect(detached.text()).toMatch(/Warning: \S+ is opencode 0\.0\.1, openwork is made for/)
    expect(detached.text()).toMatch(/OPENCODE_SERVER_PASSWORD=\[REDACTED\] \S+ attach http:\S+ --dir /)
    expect(detached.text()).toMatch(new RegExp(`openwork stop \\S+ --data-dir ${world.dataDir}\\r`))
    detached.close()
    expect(isAlive(host)).toBe(true)
    kill(host, 'SIGTERM')
    await allGone(world)
  },
  60_000,
)

test('the dashboard is refused without a terminal', async () => {
  await using world = await newMoodyWorld('')

  expect(await failureOf(world, ['dashboard'])).toMatchObject({ exitCode: 2, code: 'terminal_required' })
  expect(await world.run(['start', '--tui'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--tui needs a terminal'),
  })
})
