import { expect, test } from 'bun:test'
import { fixture, freePort, http, isAlive, service, supervised } from './support.ts'

type Answer = { pid: number; argv: string[]; env: Record<string, string> }

const ask = async (port: number): Promise<Answer> => (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Answer

test('a killed service comes back on the same port with the same arguments and environment', async () => {
  const port = await freePort()
  await using it = supervised([
    service('web', { argv: fixture('http-ok', String(port), 'x y', ''), env: { SECRET: 's3cret' }, ready: http(port) }),
  ])
  await it.run.reaches('web', 'ready')
  const first = await ask(port)

  const down = it.run.reaches('web', 'backing-off')
  process.kill(first.pid, 'SIGKILL')
  const { reason, lastLines } = await down
  const { pid, restarts } = await it.run.reaches('web', 'ready')

  const second = await ask(port)
  expect({ reason, restarts }).toEqual({ reason: 'ended by SIGKILL', restarts: 1 })
  expect(lastLines).toEqual([`listening on http://127.0.0.1:${port}`])
  expect(second.pid).toBe(pid ?? 0)
  expect(second.pid).not.toBe(first.pid)
  expect(second.argv).toEqual(['x y', ''])
  expect(second.argv).toEqual(first.argv)
  const { OPENWORK_SPAWN: firstMarker, ...firstEnv } = first.env
  const { OPENWORK_SPAWN: secondMarker, ...secondEnv } = second.env
  expect(secondEnv).toEqual(firstEnv)
  expect(secondEnv.SECRET).toBe('s3cret')
  expect(secondMarker).toBe(firstMarker?.replace(/:1$/, ':2'))
})

test('a service that crashes again and again is given up with the last of its output', async () => {
  await using it = supervised([
    service('broken', {
      argv: fixture('prints-and-exits', 'opening the store'),
      env: { CODE: '3', LAST: 'no such table: users' },
      restart: { when: 'on-failure', backoffMs: [1, 4], resetAfterMs: 60_000, maxCrashes: 2, windowMs: 60_000 },
    }),
  ])

  const { state, restarts, exit, reason, lastLines } = await it.run.reaches('broken', 'gave-up')

  expect({ state, restarts, exit }).toEqual({ state: 'gave-up', restarts: 2, exit: { code: 3, signal: null } })
  expect(reason).toBe('exited with code 3; 3 crashes, 2 are allowed')
  expect(lastLines.slice(-2).sort()).toEqual(['no such table: users', 'opening the store'])
  expect(await it.run.reaches('broken', 'ready').catch(error => error)).toMatchObject({
    code: 'service_gave_up',
    details: { exit: { code: 3, signal: null } },
  })
  expect((await it.run.ended('broken')).code).toBe('service_gave_up')
})

test('a program that ends well is not started again', async () => {
  await using it = supervised([service('once', { argv: fixture('prints-and-exits', 'done') })])

  const { lastLines } = await it.run.reaches('once', 'exited')

  expect(it.run.history('once')).toEqual(['starting', 'ready', 'exited'])
  expect(lastLines).toEqual(['done'])
  expect((await it.run.ended('once')).code).toBe('service_exited')
})

test('a service that stops answering is seen as unhealthy, and as ready when it answers again', async () => {
  const port = await freePort()
  await using it = supervised([
    service('web', {
      argv: fixture('http-ok', String(port)),
      ready: http(port),
      watch: { everyMs: 5, failures: 2, restartAfterMs: 60_000 },
    }),
  ])
  await it.run.reaches('web', 'ready')

  await fetch(`http://127.0.0.1:${port}/fail`, { method: 'POST' })
  const { reason } = await it.run.reaches('web', 'unhealthy')
  await fetch(`http://127.0.0.1:${port}/recover`, { method: 'POST' })
  await it.run.reaches('web', 'ready')

  expect(reason).toBe('2 health checks in a row failed')
  expect(it.run.history('web')).toEqual(['starting', 'ready', 'unhealthy', 'ready'])
})

test('a service that stays unhealthy is restarted', async () => {
  const port = await freePort()
  await using it = supervised([
    service('web', {
      argv: fixture('http-ok', String(port)),
      ready: http(port),
      watch: { everyMs: 5, failures: 2, restartAfterMs: 20 },
    }),
  ])
  await it.run.reaches('web', 'ready')
  await fetch(`http://127.0.0.1:${port}/fail`, { method: 'POST' })

  const { reason } = await it.run.reaches('web', 'backing-off')
  await it.run.reaches('web', 'ready')

  expect(reason).toBe('unhealthy for 20 ms')
  expect(it.run.history('web').slice(2, 6)).toEqual(['unhealthy', 'stopping', 'backing-off', 'starting'])
})

test('a restart that was asked for is over when the new process is ready', async () => {
  const port = await freePort()
  await using it = supervised([service('web', { argv: fixture('http-ok', String(port)), ready: http(port) })])
  const { pid: before = 0 } = await it.run.reaches('web', 'ready')

  const { pid: after = 0, restarts } = await it.run.restart('web')

  expect(isAlive(before)).toBe(false)
  expect((await ask(port)).pid).toBe(after)
  expect(restarts).toBe(1)
  expect(it.events.lines('web')).toContain('SIGTERM')
})

test('another program takes the place of the one that runs', async () => {
  const port = await freePort()
  const web = service('web', { argv: fixture('http-ok', String(port), 'old'), ready: http(port) })
  await using it = supervised([web])
  const { pid: before = 0 } = await it.run.reaches('web', 'ready')

  const { pid, restarts } = await it.run.replace({ ...web, argv: fixture('http-ok', String(port), 'new') })

  expect(isAlive(before)).toBe(false)
  expect(await ask(port)).toMatchObject({ pid, argv: ['new'] })
  expect(restarts).toBe(1)
})

test('when another program does not come up the one from before serves again, and the caller is told why', async () => {
  const port = await freePort()
  const web = service('web', { argv: fixture('http-ok', String(port), 'old'), ready: http(port) })
  await using it = supervised([web])
  await it.run.reaches('web', 'ready')
  const broken = { ...web, argv: fixture('prints-and-exits', 'cannot read the store'), env: { CODE: '3' } }

  const error = await it.run.replace(broken).catch(error => error)

  expect(error).toMatchObject({ code: 'service_not_replaced', message: expect.stringContaining('exited with code 3') })
  expect(error.details.lastLines).toContain('cannot read the store')
  expect(await ask(port)).toMatchObject({ argv: ['old'] })
  expect(it.run.history('web')).toEqual(['starting', 'ready', 'stopping', 'starting', 'starting', 'ready'])
  const hanging = { ...web, argv: fixture('ignores-sigterm'), stop: { signal: 'SIGKILL' as const, graceMs: 1 } }
  const late = await it.run.replace({ ...hanging, ready: http(port, { withinMs: 300 }) }).catch(error => error)
  expect(late).toMatchObject({ code: 'service_not_replaced', message: expect.stringContaining('not ready within 300') })
  expect(await ask(port)).toMatchObject({ argv: ['old'] })
  expect((await it.run.restart('web')).state).toBe('ready')
  expect(await ask(port)).toMatchObject({ argv: ['old'] })
})

test('a program that is not there is no loss: what is named to fall back on is started', async () => {
  const port = await freePort()
  const web = service('web', { argv: fixture('http-ok', String(port), 'old'), ready: http(port) })
  await using it = supervised([web])
  await it.run.reaches('web', 'ready')
  const fallback = { ...web, argv: fixture('http-ok', String(port), 'kept') }

  const error = await it.run.replace({ ...web, argv: ['/nowhere/at/all'] }, fallback).catch(error => error)

  expect(error.code).toBe('service_not_replaced')
  expect(await ask(port)).toMatchObject({ argv: ['kept'] })
})

test('a restart after a stop is refused', async () => {
  await using it = supervised([service('stubborn', { argv: fixture('ignores-sigterm') })])
  await it.run.reaches('stubborn', 'ready')
  const stopped = it.run.stop()

  expect(await it.run.restart('stubborn').catch(error => error.code)).toBe('service_stopped')
  it.run.kill()
  await stopped
})
