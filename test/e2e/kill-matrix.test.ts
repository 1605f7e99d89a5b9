import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fakeOpencode } from '../fixtures/fake-opencode.ts'
import { eventually, isAlive, kill, newWorld, type RunningHost, type World } from './harness.ts'

/** A world whose opencode is the fixture, in a mood. */
async function moodyWorld(moods: string, env: Record<string, string> = {}): Promise<World> {
  const world = await newWorld()
  Object.assign(world.env, {
    OPENWORK_ALLOW_EXTERNAL: '1',
    OPENWORK_OPENCODE_BIN: fakeOpencode(world.home),
    FAKE_OPENCODE: moods,
    ...env,
  })
  return world
}

const pidOf = (world: World, part: string): number => {
  const found = world.processes().filter(({ command }) => command.includes(part))
  if (found.length !== 1) throw new Error(`expected one process with "${part}": ${JSON.stringify(found)}`)
  return found[0]?.pid ?? 0
}

const OPENCODE = ' serve --hostname'
const SERVER = '--opencode-base-url'

const status = async (host: RunningHost, path: string): Promise<number> => {
  try {
    const response = await host.request(path)
    await response.body?.cancel()
    return response.status
  } catch {
    return 0 // refused, or cut off in the middle
  }
}

describe('a service that is killed', () => {
  test.each([
    ['opencode', OPENCODE],
    ['openwork-server', SERVER],
  ])('%s comes back on the same port with the same credentials, while requests run', async (name, part) => {
    await using world = await newWorld()
    const host = await world.serve()
    const before = pidOf(world, part)
    let running = true
    const traffic = Array.from({ length: 4 }, async () => {
      const seen = new Set<number>()
      while (running) seen.add(await status(host, '/opencode/session'))
      return seen
    })

    kill(before, 'SIGKILL')
    await host.prints(new RegExp(`${name} ready.*restarts=1`), 'stderr')
    await eventually('the proxy to work again', async () => (await status(host, '/opencode/session')) === 200)
    running = false
    const seen = new Set((await Promise.all(traffic)).flatMap(statuses => [...statuses]))

    expect(pidOf(world, part)).not.toBe(before)
    expect(isAlive(before)).toBe(false)
    // 0: cut off with its server; 502 and 503: "opencode is not there now". Nothing else, above all no hang.
    expect([...seen].filter(code => ![0, 200, 502, 503].includes(code))).toEqual([])
    expect(await host.stop()).toMatchObject({ code: 0 })
    expect(world.processes()).toEqual([])
  })

  test('again and again is given up, with its exit code and last words', async () => {
    await using world = await moodyWorld('crashes')

    const { code, stderr, stdout } = await world.run(['serve', '--openwork-port', '0'])

    expect(code).toBe(3)
    expect(stderr).toContain('opencode')
    expect(stderr).toContain('fake opencode: cannot go on')
    expect(stdout).toContain('opencode gave up')
    expect(world.processes()).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  })
})

describe('a signal', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s while starting takes everything down', async signal => {
    await using world = await moodyWorld('late', { FAKE_OPENCODE_LATE_MS: '3600000' })
    const command = world.start(['serve', '--openwork-port', '0'])
    await command.prints(/opencode starting/)
    await eventually('opencode to run', () => world.processes().some(({ command }) => command.includes(OPENCODE)))

    command.signal(signal)
    const { code } = await command.exited

    expect(code).toBe(128 + { SIGTERM: 15, SIGINT: 2, SIGHUP: 1 }[signal])
    expect(world.processes()).toEqual([])
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s when ready is a clean end', async signal => {
    await using world = await moodyWorld('')
    const host = await world.serve()

    host.signal(signal)

    expect((await host.exited).code).toBe(0)
    expect(world.processes()).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  })

  test('a second one kills what would not go', async () => {
    await using world = await moodyWorld('ignores-sigterm')
    const host = await world.serve()
    const stubborn = pidOf(world, OPENCODE)

    host.signal('SIGINT')
    await eventually('the server to be gone', () => !world.processes().some(({ command }) => command.includes(SERVER)))
    expect(isAlive(stubborn)).toBe(true)
    const impatient = setInterval(() => host.signal('SIGINT'), 50)
    await host.exited
    clearInterval(impatient)

    expect(world.processes()).toEqual([])
  })
})

describe('opencode that misbehaves', () => {
  test('by ignoring SIGTERM is killed after its grace period', async () => {
    await using world = await moodyWorld('ignores-sigterm')
    const host = await world.serve()

    expect((await host.stop()).code).toBe(0)
    expect(world.processes()).toEqual([])
  })

  test('by forking leaves none of its children behind, not even in a session of their own', async () => {
    await using world = await moodyWorld('forks')
    const host = await world.serve()
    expect(world.processes().filter(({ command }) => command.endsWith(' sleep'))).toHaveLength(2)

    await host.stop()

    expect(world.processes()).toEqual([])
  })

  test('by flooding its output blocks neither itself nor the host', async () => {
    await using world = await moodyWorld('floods')
    const host = await world.serve()

    await eventually('a lot of output', () => host.text('stderr').length > 4_000_000)
    expect(await status(host, '/opencode/anything')).toBe(200)
    expect(await status(host, '/health')).toBe(200)

    expect((await host.stop()).code).toBe(0)
    expect(world.processes()).toEqual([])
  })

  test('by listening late is waited for', async () => {
    await using world = await moodyWorld('late', { FAKE_OPENCODE_LATE_MS: '1500' })

    const host = await world.serve()

    expect(await status(host, '/opencode/anything')).toBe(200)
  })

  test('by never answering ends the start with what was waited for', async () => {
    await using world = await moodyWorld('late', { FAKE_OPENCODE_LATE_MS: '3600000' })

    const { code, stderr } = await world.run(['serve', '--openwork-port', '0', '--opencode-ready-timeout-ms', '1000'])

    expect(code).not.toBe(0)
    expect(stderr).toContain('opencode')
    expect(stderr).toMatch(/1 ?s|1000/)
    expect(world.processes()).toEqual([])
  }, 60_000)
})

describe('SIGKILL of the orchestrator', () => {
  test('leaves nothing that the next start does not clean up', async () => {
    await using world = await moodyWorld('ignores-sigterm,forks')
    const host = await world.serve()
    const left = world.processes().filter(({ pid }) => pid !== host.pid)

    kill(host.pid, 'SIGKILL')
    await host.exited
    const next = await world.serve()

    expect(left.length).toBeGreaterThanOrEqual(4)
    expect(left.filter(({ pid }) => isAlive(pid))).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toHaveLength(1)
    const old = { authorization: `Bearer ${host.document.openwork.ownerToken}` }
    expect((await next.request('/whoami', { headers: old })).status).toBe(401)
    await next.stop()
    expect(world.processes()).toEqual([])
  })

  test('ends our own programs, and through them opencode, by itself', async () => {
    await using world = await newWorld()
    const host = await world.serve()

    kill(host.pid, 'SIGKILL')

    await eventually('everything to be gone', () => world.processes().length === 0)
    expect(existsSync(join(world.dataDir, 'runs'))).toBe(true)
  })

  test('while starting leaves nothing either', async () => {
    await using world = await moodyWorld('late', { FAKE_OPENCODE_LATE_MS: '3600000' })
    const command = world.start(['serve', '--openwork-port', '0'])
    await command.prints(/opencode starting/)

    kill(command.pid, 'SIGKILL')
    await command.exited
    await world.run(['serve', '--openwork-port', '0', '--opencode-ready-timeout-ms', '1000'])

    await eventually('nothing to be left', () => world.processes().length === 0)
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  }, 60_000)
})

test('30 cycles leave no process and no file behind', async () => {
  await using world = await moodyWorld('')
  await (await world.serve()).stop()
  const files = (): string[] => readdirSync(world.dataDir, { recursive: true }).map(String).sort()
  const before = files()

  for (let cycle = 0; cycle < 30; cycle++) {
    const host = await world.serve()
    expect((await host.stop()).code).toBe(0)
  }

  expect(world.processes()).toEqual([])
  expect(files()).toEqual(before)
}, 120_000)
