import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { newWorld } from './harness.ts'

describe('two hosts', () => {
  test('started at once with one data dir and one workspace both come up, on ports of their own', async () => {
    await using world = await newWorld()

    const [first, second] = await Promise.all([world.serve(), world.serve()])

    expect(first.document.openwork.port).not.toBe(second.document.openwork.port)
    for (const host of [first, second]) expect((await host.request('/opencode/session')).status).toBe(200)
    expect(readdirSync(join(world.dataDir, 'runs')).filter(name => name.endsWith('.json'))).toHaveLength(2)

    expect((await first.stop()).code).toBe(0)
    expect((await second.request('/opencode/session')).status).toBe(200)
    expect((await second.stop()).code).toBe(0)
    expect(world.processes()).toEqual([])
  })

  test('on two workspaces see only their own', async () => {
    await using world = await newWorld()
    const other = join(world.home, 'other')
    mkdirSync(other)

    const [first, second] = await Promise.all([world.serve(), world.serve(['--workspace', other])])

    for (const [host, path] of [
      [first, world.workspace],
      [second, other],
    ] as const) {
      const { items } = (await (await host.request('/workspaces')).json()) as { items: { path: string }[] }
      expect(items.map(item => item.path)).toEqual([path])
    }
    const foreign = await second.request('/whoami', {
      headers: { authorization: `Bearer ${first.document.openwork.ownerToken}` },
    })
    expect(foreign.status).toBe(401)
  })

  test('take 8787 and then another port, and say so', async () => {
    await using world = await newWorld()
    const first = world.start(['serve'])
    await first.prints(/openwork is ready/)
    const second = world.start(['serve'])
    await second.prints(/openwork is ready/)

    expect(second.text('stdout')).toMatch(/port 8787 is in use, taking \d+ instead/)
    expect(second.text('stdout')).toMatch(
      /another host, process \d+ at http:\/\/127\.0\.0\.1:8787, serves this folder too/,
    )
    expect(second.text('stdout').match(/http:\/\/127\.0\.0\.1:8787/g)).toHaveLength(1)
  })
})

describe('openwork status', () => {
  test('without a URL finds the running hosts of the data dir, and fails when one is down', async () => {
    await using world = await newWorld()
    const none = await world.run(['status', '--json'])
    expect(none.code).toBe(1)
    expect(JSON.parse(none.stdout)).toMatchObject({ ok: false, code: 'no_running_host' })

    const host = await world.serve()
    const up = await world.run(['status', '--json'])
    expect(up.code).toBe(0)
    expect(JSON.parse(up.stdout)).toMatchObject({
      openwork: { ok: true, url: host.document.openwork.baseUrl },
      opencode: { ok: true, url: host.document.opencode.baseUrl, health: { healthy: true } },
      hosts: [{ workspace: world.workspace, pid: host.pid }],
    })
    const text = await world.run(['status'])
    expect(text.stdout).toContain(world.workspace)
    expect(up.stdout + text.stdout).not.toContain(host.document.opencode.password)
  })

  test('asks what it is told to ask', async () => {
    await using world = await newWorld()
    const host = await world.serve()
    const { openwork, opencode } = host.document
    const urls = ['--openwork-url', openwork.baseUrl, '--opencode-url', opencode.baseUrl]

    const unauthorized = await world.run(['status', '--json', ...urls])
    expect(unauthorized.code).toBe(1)
    expect(JSON.parse(unauthorized.stdout)).toMatchObject({ openwork: { ok: true }, opencode: { ok: false } })

    const env = { OPENCODE_SERVER_USERNAME: opencode.username, OPENCODE_SERVER_PASSWORD: opencode.password }
    const all = await world.run(['status', '--json', ...urls], { env })
    expect(all.code).toBe(0)

    await host.stop()
    const gone = await world.run(['status', '--json', '--openwork-url', openwork.baseUrl])
    expect(gone.code).toBe(1)
    expect(JSON.parse(gone.stdout)).toMatchObject({ openwork: { ok: false, error: 'connection refused' } })
  })
})
