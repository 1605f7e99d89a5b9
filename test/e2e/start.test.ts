import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { eventually, LIMIT_MS, newWorld, type RunningHost } from './harness.ts'

describe('a host', () => {
  test('answers a prompt through the proxy, and a client sees its events as they happen', async () => {
    await using model = startModelProvider({ reply: 'The answer is forty-two.', held: true })
    await using world = await newWorld(workspaceConfig(model.url))
    const host = await world.serve()
    const events = await listen(host)

    const session = (await (await post(host, '/opencode/session', {})).json()) as { id: string }
    const prompt = { parts: [{ type: 'text', text: 'What is the answer?' }] }
    const answer = post(host, `/opencode/session/${session.id}/message`, prompt)

    // The model has said one word and is held: a buffering proxy would show nothing now.
    await events.seen(text => text.includes('"delta":"The"'))
    expect(events.text().includes('forty-two')).toBe(false)
    model.release()
    expect(JSON.stringify(await (await answer).json())).toContain('The answer is forty-two.')
    await events.seen(text => text.includes('session.idle'))

    await events.close()
    expect(await host.stop()).toMatchObject({ code: 0, signal: null })
    expect(world.processes()).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
  })

  test('hanging up on the proxy ends the request to the model’s side too', async () => {
    await using model = startModelProvider({ held: true })
    await using world = await newWorld(workspaceConfig(model.url))
    const host = await world.serve()
    const session = (await (await post(host, '/opencode/session', {})).json()) as { id: string }
    await post(host, `/opencode/session/${session.id}/prompt_async`, { parts: [{ type: 'text', text: 'go' }] })
    await model.turn(0)

    const aborted = await post(host, `/opencode/session/${session.id}/abort`, {})

    expect(aborted.status).toBe(200)
    expect(await (await model.turn(0)).ended).toBe('aborted')
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
        hotReload: { enabled: true, debounceMs: 700, cooldownMs: 1_500 },
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

  test('--read-only starts, and refuses changes', async () => {
    await using world = await newWorld()
    const host = await world.serve(['--read-only'])

    const refused = await post(host, '/opencode/session', {})

    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ code: 'read_only' })
    expect((await host.request('/opencode/session')).status).toBe(200)
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

  test('gives the agent none of its tokens, and no command line shows a secret', async () => {
    await using world = await newWorld()
    const host = await world.serve([], { env: { OPENWORK_HOST_TOKEN: 'host-token-of-this-test', BUN_OPTIONS: '' } })
    const { openwork, opencode } = host.document
    const agent = world.processes().find(({ command }) => command.includes(' serve --hostname'))
    if (!agent) throw new Error('opencode does not run')

    const environment = await Bun.file(`/proc/${agent.pid}/environ`).text()
    for (const secret of [openwork.token, openwork.hostToken, openwork.ownerToken])
      expect(environment).not.toContain(secret)
    for (const { command } of world.processes())
      for (const secret of [openwork.token, openwork.hostToken, opencode.password, opencode.username])
        expect(command).not.toContain(secret)
  })
})

const post = (host: RunningHost, path: string, body: unknown): Promise<Response> =>
  host.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

const onlyEntry = (folder: string): string => {
  const [entry, ...more] = readdirSync(folder)
  if (!entry || more.length > 0) throw new Error(`expected one entry in ${folder}`)
  return entry
}

/** The raw text of the event stream so far. */
async function listen(host: RunningHost) {
  const stop = new AbortController()
  const response = await host.request('/opencode/event', {
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(LIMIT_MS)]),
  })
  let text = ''
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
  })().catch(() => {}) // ends by our own abort
  return {
    text: () => text,
    seen: (isSeen: (text: string) => boolean) => eventually('an event', () => isSeen(text)),
    close: async () => {
      stop.abort()
      await reading
    },
  }
}
