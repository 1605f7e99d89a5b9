import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { runtimeVersions, upgradeStarted } from '../../src/api/runtime.ts'
import { ControlServer } from '../../src/orchestrator/control-server.ts'
import { ExecutableOnDisk } from '../../src/orchestrator/executable-on-disk.ts'
import { Runtime } from '../../src/orchestrator/runtime.ts'
import type { ServiceSpec } from '../../src/supervisor/service.ts'
import { fixture, freePort, http, service, supervised } from '../supervisor/support.ts'
import { observed } from './live/observed.ts'
import { watchedLog } from './watched-log.ts'

const program = (name: 'opencode' | 'openwork-server') =>
  ({ name, source: 'bundled', path: `/bin/${name}`, targetVersion: '1.0.0', actualVersion: '1.0.0' }) as const

const answering = async (name: string): Promise<ServiceSpec> => {
  const port = await freePort()
  return service(name, { argv: fixture('http-ok', String(port)), ready: http(port) })
}

const isIn = (specs: readonly ServiceSpec[], service: string): boolean => specs.some(({ name }) => name === service)

/** Services under a supervisor, and a control server that speaks for them. */
async function controlled(specs: readonly ServiceSpec[]) {
  const { run, events, ...supervisor } = supervised(specs)
  const { log, says } = watchedLog()
  const control = new ControlServer()
  const self = { execPath: process.execPath, execArgv: [], main: import.meta.path }
  control.serve(
    {
      runtime: new Runtime({
        supervisor: run,
        programs: [program('opencode'), program('openwork-server')].filter(({ name }) => isIn(specs, name)),
        specs,
        disk: new ExecutableOnDisk(self, { version: '2.0.0', env: {} }),
        env: {},
        sidecarDir: '/nowhere',
        isOpencodeExternal: false,
        ensureOpencode: async () => ({ ...program('opencode'), path: process.execPath, expectedVersion: '1.0.0' }),
        ensureServer: async () => {
          throw new Error('it is built in')
        },
        version: '2.0.0',
        startedAtMs: 1_000,
        workspace: '/project',
        log,
      }),
      workspaces: undefined,
      reloads: undefined,
      host: observed({ run, log }).host,
    },
    log,
  )
  await Promise.all(specs.map(({ name }) => run.reaches(name, 'ready')))
  const authorization = `Bearer ${control.token.reveal()}`
  return {
    control,
    run,
    events,
    says,
    call: (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`${control.baseUrl}${path}`, { ...init, headers: { authorization, ...init.headers } }),
    async [Symbol.asyncDispose]() {
      await control.stop()
      await supervisor[Symbol.asyncDispose]()
    },
  }
}

const upgrade = (services?: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify({ services }) })

test('tells what runs, in which version', async () => {
  await using host = await controlled([await answering('opencode')])

  const response = await host.call('/runtime/versions')

  expect(runtimeVersions.parse(await response.json())).toEqual({
    ok: true,
    orchestrator: { version: '2.0.0', startedAt: 1_000 },
    worker: { workspace: '/project', sandboxMode: 'none' },
    upgrade: { status: 'idle', startedAt: null, finishedAt: null, error: null, operationId: null, services: [] },
    services: [
      {
        name: 'opencode',
        enabled: true,
        running: true,
        source: 'bundled',
        path: '/bin/opencode',
        targetVersion: '1.0.0',
        actualVersion: '1.0.0',
        upgradeAvailable: false,
      },
      { name: 'opencode-router', enabled: false, running: false, upgradeAvailable: false },
      { name: 'openwork-server', enabled: false, running: false, upgradeAvailable: false },
    ],
  })
})

test('an upgrade restarts the services one after the other, the server last', async () => {
  await using host = await controlled([await answering('opencode'), await answering('openwork-server')])
  const pids = host.run.snapshot().map(({ pid }) => pid)
  const finished = host.says(/upgrade finished/)

  const response = await host.call('/runtime/upgrade', upgrade(['openwork-server', 'opencode', 'nonsense']))

  expect(response.status).toBe(202)
  const started = upgradeStarted.parse(await response.json())
  expect(started).toMatchObject({ services: ['opencode', 'openwork-server'], upgrade: { status: 'running' } })
  await finished
  const after = runtimeVersions.parse(await (await host.call('/runtime/versions')).json())
  expect(after.upgrade).toMatchObject({
    status: 'idle',
    error: null,
    operationId: started.upgrade.operationId,
    finishedAt: expect.any(Number),
  })
  for (const [index, { pid, state, restarts }] of host.run.snapshot().entries()) {
    expect({ state, restarts }).toEqual({ state: 'ready', restarts: 1 })
    expect(pid).not.toBe(pids[index])
  }
})

test('one upgrade at a time, and one that cannot finish has failed', async () => {
  const stubborn = service('opencode', {
    argv: fixture('ignores-sigterm'),
    stop: { signal: 'SIGTERM', graceMs: 60_000 },
  })
  await using host = await controlled([stubborn])
  const failed = host.says(/upgrade failed/)
  await host.events.line('opencode', /./) // it ignores SIGTERM from now on
  expect((await host.call('/runtime/upgrade', upgrade(['opencode']))).status).toBe(202)

  const second = await host.call('/runtime/upgrade', upgrade(['opencode']))

  expect(second.status).toBe(409)
  expect(await second.json()).toMatchObject({ code: 'upgrade_in_progress' })
  host.run.kill()
  await failed
  const { upgrade: state } = runtimeVersions.parse(await (await host.call('/runtime/versions')).json())
  expect(state).toMatchObject({ status: 'failed', error: expect.stringContaining('opencode was stopped') })
})

test('an upgrade of nothing that runs here is refused', async () => {
  await using host = await controlled([])
  for (const services of [['opencode-router'], ['nonsense'], []]) {
    const response = await host.call('/runtime/upgrade', upgrade(services))
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid_services' }),
    ])
  }
  const malformed = await host.call('/runtime/upgrade', upgrade('opencode'))
  expect([malformed.status, await malformed.json()]).toEqual([
    400,
    expect.objectContaining({ code: 'invalid_payload' }),
  ])
})

test('answers to its token only, and to no foreign name or page', async () => {
  await using host = await controlled([])
  const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]
  const wrong = { authorization: 'Bearer wrong' }

  expect(await codeOf(await host.call('/runtime/versions', { headers: wrong }))).toEqual([401, 'unauthorized'])
  expect(await codeOf(await host.call('/elsewhere'))).toEqual([404, 'not_found'])
  expect(await (await host.call('/elsewhere')).json()).toMatchObject({
    ok: false,
    error: 'not_found',
    message: 'No such route',
  })
  expect(await codeOf(await host.call('/runtime/versions', { headers: { host: 'evil.example' } }))).toEqual([
    403,
    'host_not_allowed',
  ])
  const page = { ...upgrade(['opencode']), headers: { origin: 'https://evil.example' } }
  expect(await codeOf(await host.call('/runtime/upgrade', page))).toEqual([403, 'origin_not_allowed'])
  expect(await codeOf(await host.call('/runtime/versions', { headers: page.headers }))).toEqual([
    403,
    'origin_not_allowed',
  ])
})

test('hot reload is asked about under the token, and not available before the host is ready', async () => {
  await using host = await controlled([])
  const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]
  const wrong = { authorization: 'Bearer wrong' }

  expect(await codeOf(await host.call('/reload/status', { headers: wrong }))).toEqual([401, 'unauthorized'])
  expect(await codeOf(await host.call('/reload/status'))).toEqual([501, 'not_available'])
  expect(await codeOf(await host.call('/reload', { method: 'POST', body: '{}' }))).toEqual([501, 'not_available'])
  expect(await codeOf(await host.call('/reload', { method: 'POST', body: '{"force":"yes"}' }))).toEqual([
    400,
    'invalid_payload',
  ])
})

test('stopping closes kept-alive connections and requests that wait for the host', async () => {
  const control = new ControlServer()
  const { hostname, port } = new URL(control.baseUrl)
  const socket = connect(Number(port), hostname)
  const closed = new Promise<void>(resolve => socket.on('close', () => resolve()).on('error', () => {}))
  await new Promise<void>(resolve => socket.on('connect', () => resolve()))
  socket.write('GET /runtime/versions HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')

  await control.stop()
  await closed

  expect(socket.destroyed).toBe(true)
})
