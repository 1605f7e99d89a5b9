import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { expectAnswerToPrompt } from './answers-a-prompt.ts'
import { newMoodyWorld, newWorld } from './harness.ts'

describe('a host', () => {
  test('answers a prompt through the proxy, and a client sees its events as they happen', async () => {
    await using model = startModelProvider({ reply: 'The answer is forty-two.', held: true })
    await using world = await newWorld(workspaceConfig(model.url))
    const host = await world.serve()

    await expectAnswerToPrompt(host, model, { firstWord: 'The', lastWord: 'forty-two' })

    expect(await host.stop()).toMatchObject({ code: 0, signal: null })
    expect(world.processes()).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  })

  test('a client that hangs up ends its proxied request, while opencode goes on with the run', async () => {
    await using model = startModelProvider({ held: true })
    await using world = await newWorld(workspaceConfig(model.url))
    const host = await world.serve()
    const session = (await (await host.post('/opencode/session', {})).json()) as { id: string }
    const path = `/opencode/session/${session.id}/message`
    const client = new AbortController()
    const answer = host.post(path, { parts: [{ type: 'text', text: 'go' }] }, { signal: client.signal })
    const outcome = answer.then(({ status }) => status).catch((error: Error) => error.name)
    const turn = await model.turn(0)

    client.abort()

    expect(await outcome).toBe('AbortError')
    await host.prints(new RegExp(`POST ${path} 499 `), 'stderr')
    model.release()
    expect(await turn.ended).toBe('answered')
  })

  test('a client that gives up on the run itself ends the request to the model too', async () => {
    await using model = startModelProvider({ held: true })
    await using world = await newWorld(workspaceConfig(model.url))
    const host = await world.serve()
    const session = (await (await host.post('/opencode/session', {})).json()) as { id: string }
    await host.post(`/opencode/session/${session.id}/prompt_async`, { parts: [{ type: 'text', text: 'go' }] })
    const turn = await model.turn(0)

    expect((await host.post(`/opencode/session/${session.id}/abort`, {})).status).toBe(200)

    expect(await turn.ended).toBe('aborted')
  })

  test('--json prints one document with every published field, and logs go to stderr', async () => {
    await using world = await newWorld()
    const host = await world.serve(['--run-id', 'run-1'])
    const { stdout, stderr, code } = await host.stop()

    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      runId: 'run-1',
      workspace: world.workspace,
      approval: { mode: 'manual', timeoutMs: 30_000, readOnly: false },
      opencode: {
        baseUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        connectUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        bindHost: '127.0.0.1',
        port: expect.any(Number),
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        username: expect.stringMatching(/^[0-9a-f]{64}$/),
        password: expect.stringMatching(/^[0-9a-f]{64}$/),
        hotReload: { enabled: true, debounceMs: 700, cooldownMs: 1_500, deadlineMs: 600_000 },
      },
      openwork: {
        baseUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        connectUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        host: '127.0.0.1',
        port: expect.any(Number),
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        collaboratorToken: host.document.openwork.token,
        token: expect.any(String),
        hostToken: expect.any(String),
        ownerToken: expect.stringMatching(/^owt_/),
      },
      opencodeRouter: { enabled: false, healthPort: null },
      diagnostics: {
        cliVersion: expect.any(String),
        sidecar: expect.objectContaining({ source: 'auto', opencodeSource: 'auto', allowExternal: false }),
        binaries: {
          opencode: expect.objectContaining({ source: 'bundled', path: expect.any(String) }),
          openworkServer: expect.objectContaining({ source: 'bundled' }),
          opencodeRouter: null,
        },
      },
    })
    expect(stderr).toContain('opencode ready')
  })

  test('shows no secret in its text output, and says where they are', async () => {
    await using world = await newWorld()
    const command = world.start(['start', '--openwork-port', '0', '--verbose', '--no-tui'])
    await command.prints(/openwork is ready[\s\S]*Ctrl-C/)
    command.signal('SIGINT')
    const { stdout, stderr, code } = await command.exited

    expect(code).toBe(0)
    const kept = (await Bun.file(
      join(world.dataDir, 'workspaces', onlyEntry(join(world.dataDir, 'workspaces')), 'credentials.json'),
    ).json()) as Record<string, string>
    for (const secret of Object.values(kept)) expect(stdout + stderr).not.toContain(secret)
    expect(stdout).not.toMatch(/[0-9a-f]{64}|owt_/)
    expect(stdout).toContain('withheld')
  })

  test('--check --check-events uses everything once and leaves nothing', async () => {
    await using world = await newWorld()

    const { code, stdout } = await world.run(['start', '--check', '--check-events', '--openwork-port', '0', '--json'])

    expect(JSON.parse(stdout).checks.map(({ name }: { name: string }) => name)).toEqual([
      'workspaces',
      'config',
      'router policy',
      'opencode session',
      'opencode events',
    ])
    expect(code).toBe(0)
    expect(world.processes()).toEqual([])
  })

  test('works for a user whose requests go through a proxy: loopback ones do not', async () => {
    await using world = await newWorld()
    const proxy = { HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9' }
    const env = { ...proxy, OPENCODE_SERVER_USERNAME: '', OPENCODE_SERVER_PASSWORD: '' }

    expect(await world.run(['start', '--check', '--openwork-port', '0'], { env })).toMatchObject({ code: 0 })
    await world.serve([], { env })
    expect((await world.run(['status'], { env })).code).toBe(0)
  })

  test('--read-only starts, refuses changes, and passes its own check', async () => {
    await using world = await newWorld()
    const host = await world.serve(['--read-only'])

    const refused = await host.post('/opencode/session', {})

    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ code: 'read_only' })
    expect(await host.status('/opencode/session')).toBe(200)
    await host.stop()
    const checked = await world.run(['start', '--check', '--check-events', '--read-only', '--openwork-port', '0'])
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringContaining('all checks passed') })
    expect(world.processes()).toEqual([])
  })

  test('keeps its tokens from run to run, and takes the owner token back at the end', async () => {
    await using world = await newWorld()
    const first = await world.serve()
    const { openwork } = first.document
    await first.stop()
    const second = await world.serve()

    expect(second.document.openwork.token).toBe(openwork.token)
    expect(second.document.openwork.ownerToken).not.toBe(openwork.ownerToken)
    const old = await second.request('/whoami', { headers: { authorization: `Bearer ${openwork.ownerToken}` } })
    expect(old.status).toBe(401)
  })

  test('reads the settings file of a stand-alone server only when it is named', async () => {
    await using world = await newMoodyWorld('')
    const folder = join(world.home, '.config', 'openwork')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'server.json'), JSON.stringify({ corsOrigins: ['https://app.example'] }))
    const allowed = async (env: Record<string, string>): Promise<string | null> => {
      const host = await world.serve([], { env })
      const answer = await host.request('/workspaces', { headers: { origin: 'https://app.example' } })
      return answer.headers.get('access-control-allow-origin')
    }

    expect(await allowed({})).toBeNull()
    expect(await allowed({ OPENWORK_SERVER_CONFIG: join(folder, 'server.json') })).toBe('https://app.example')
  })

  test('in dev mode opencode lives below the data dir and leaves the home alone', async () => {
    await using world = await newWorld()
    const host = await world.serve([], { env: { OPENWORK_DEV_MODE: '1' } })
    await host.stop()

    expect(existsSync(join(world.dataDir, 'openwork-dev-data', 'xdg', 'data', 'opencode'))).toBe(true)
    expect(readdirSync(world.home)).toEqual([])
  })

  test('keeps the files it writes for itself to itself', async () => {
    await using world = await newWorld()
    await world.serve()

    const runs = join(world.dataDir, 'runs')
    for (const path of [world.dataDir, runs, join(world.dataDir, 'workspaces')])
      expect((statSync(path).mode & 0o077).toString(8)).toBe('0')
    for (const name of readdirSync(runs)) expect((statSync(join(runs, name)).mode & 0o077).toString(8)).toBe('0')
  })
})

const onlyEntry = (folder: string): string => {
  const [entry, ...more] = readdirSync(folder)
  if (!entry || more.length > 0) throw new Error(`expected one entry in ${folder}`)
  return entry
}
