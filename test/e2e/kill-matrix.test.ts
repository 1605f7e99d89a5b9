import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, isAlive, kill, newMoodyWorld, newWorld, OPENCODE, SERVER } from './harness.ts'

describe('a service that is killed', () => {
  test.each([
    ['opencode', OPENCODE],
    ['openwork-server', SERVER],
  ])('%s comes back on the same port with the same credentials, while requests run', async (name, part) => {
    await using world = await newWorld()
    const host = await world.serve()
    const before = world.pidOf(part)
    let running = true
    const traffic = Array.from({ length: 4 }, async () => {
      const seen = new Set<number>()
      while (running) seen.add(await host.status('/opencode/session'))
      return seen
    })

    kill(before, 'SIGKILL')
    await host.prints(new RegExp(`${name} ready.*restarts=1`), 'stderr')
    await eventually('the proxy to work again', async () => (await host.status('/opencode/session')) === 200)
    running = false
    const seen = new Set((await Promise.all(traffic)).flatMap(statuses => [...statuses]))

    expect(world.pidOf(part)).not.toBe(before)
    expect(isAlive(before)).toBe(false)
    // 0: cut off with its server; 502 and 503: "opencode is not there now". Nothing else, above all no hang.
    expect([...seen].filter(code => ![0, 200, 502, 503].includes(code))).toEqual([])
    expect(await host.stop()).toMatchObject({ code: 0 })
    expect(world.processes()).toEqual([])
  })

  test('again and again is given up, with its exit code and last words', async () => {
    await using world = await newMoodyWorld('crashes')

    const { code, stderr, stdout } = await world.run(['serve', '--openwork-port', '0'])

    expect(code).toBe(3)
    expect(stderr).toContain('opencode')
    expect(stderr).toContain('fake opencode: cannot go on')
    expect(stdout).toContain('opencode gave up')
    expect(stdout.match(/opencode (?:re)?start(?:ing|ed)/g)).toHaveLength(6) // five crashes may be, the sixth is the end
    expect(world.processes()).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  })
})

describe('opencode that misbehaves', () => {
  test('by ignoring SIGTERM is killed after its grace period', async () => {
    await using world = await newMoodyWorld('ignores-sigterm')
    const host = await world.serve()

    expect((await host.stop()).code).toBe(0)
    expect(world.processes()).toEqual([])
  })

  test('by forking leaves none of its children behind, not even in a session of their own', async () => {
    await using world = await newMoodyWorld('forks')
    const host = await world.serve()
    expect(world.processes().filter(({ command }) => command.endsWith(' sleep'))).toHaveLength(2)

    await host.stop()

    expect(world.processes()).toEqual([])
  })

  test('by flooding its output blocks neither itself nor the host', async () => {
    await using world = await newMoodyWorld('floods')
    const host = await world.serve()

    await eventually('a lot of output', () => host.text('stderr').length > 4_000_000)
    expect(await host.status('/opencode/anything')).toBe(200)
    expect(await host.status('/health')).toBe(200)

    expect((await host.stop()).code).toBe(0)
    expect(world.processes()).toEqual([])
  })

  test('by listening late is waited for', async () => {
    await using world = await newMoodyWorld('late', { FAKE_OPENCODE_LATE_MS: '1500' })

    const host = await world.serve()

    expect(await host.status('/opencode/anything')).toBe(200)
  })

  test('by never answering ends the start with what was waited for', async () => {
    await using world = await newMoodyWorld('late', { FAKE_OPENCODE_LATE_MS: '3600000' })

    const args = ['serve', '--openwork-port', '0', '--opencode-ready-timeout-ms', '1000']
    const { code, stdout, stderr } = await world.run(args)

    expect(code).not.toBe(0)
    expect(stderr).toContain('opencode')
    expect(stderr).toContain('1000 ms')
    expect(stdout.match(/opencode starting/g)).toHaveLength(1)
    expect(world.processes()).toEqual([])
  })
})

describe('SIGKILL of the orchestrator', () => {
  test('leaves nothing that the next start does not clean up', async () => {
    await using world = await newMoodyWorld('ignores-sigterm,forks')
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

  test('while starting leaves nothing that the next start does not clean up', async () => {
    await using world = await newWorld()
    const command = world.start(['serve', '--openwork-port', '0'])
    await command.prints(/opencode starting/)
    await eventually('opencode to run', () => world.processes().some(({ command }) => command.includes(OPENCODE)))
    const left = world.processes()

    kill(command.pid, 'SIGKILL')
    await command.exited
    const next = await world.serve()

    expect(left.filter(({ pid }) => isAlive(pid))).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toHaveLength(1)
    expect(await next.status('/opencode/session')).toBe(200)
    await next.stop()
    expect(world.processes()).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  })
})
