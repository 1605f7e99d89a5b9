import { expect, test } from 'bun:test'
import { Events, fixture, freePort, http, isAlive, service, supervised } from './support.ts'

test('a service that ignores SIGTERM is killed when its grace period ends', async () => {
  await using it = supervised([
    service('stubborn', { argv: fixture('ignores-sigterm'), stop: { signal: 'SIGTERM', graceMs: 100 } }),
  ])
  const { pid = 0 } = await it.run.reaches('stubborn', 'ready')
  await it.events.line('stubborn', /ready/)

  await it.run.stop()

  expect(it.run.history('stubborn')).toEqual(['starting', 'ready', 'stopping', 'exited'])
  expect(it.run.exit('stubborn')).toEqual({ code: null, signal: 'SIGKILL' })
  expect(it.events.lines('stubborn')).toEqual(['ready', 'SIGTERM'])
  expect(isAlive(pid)).toBe(false)
})

test('services stop after those that need them', async () => {
  const port = await freePort()
  const asleep = fixture('ignores-sigterm')
  const stop = { signal: 'SIGKILL', graceMs: 1_000 } as const
  await using it = supervised([
    service('base', { argv: fixture('http-ok', String(port)), ready: http(port) }),
    service('middle', { argv: asleep, stop, needs: [{ service: 'base', reached: 'ready' }] }),
    service('top', { argv: asleep, stop, needs: [{ service: 'middle', reached: 'starting' }] }),
    service('aside', { argv: asleep, stop }),
  ])
  await it.run.reaches('top', 'ready')

  await Promise.all([it.run.stop(), it.run.stop()])

  const order = it.events.all.flatMap(event =>
    event.type === 'state' && event.service !== 'aside' ? [`${event.service} ${event.state}`] : [],
  )
  expect(order).toEqual([
    'base starting',
    'base ready',
    'middle starting',
    'top starting',
    'middle ready',
    'top ready',
    'top stopping',
    'top exited',
    'middle stopping',
    'middle exited',
    'base stopping',
    'base exited',
  ])
  expect(it.run.snapshot().map(({ state, pid }) => ({ state, pid }))).toEqual(
    Array(4).fill({ state: 'exited', pid: undefined }),
  )
})

test('a program that forks leaves nothing behind, not even what left its group', async () => {
  await using it = supervised([service('forks', { argv: fixture('forks'), stop: { signal: 'SIGTERM', graceMs: 200 } })])
  const pids = Object.values<number>(JSON.parse(await it.events.line('forks', /^{/)))
  expect(pids.map(isAlive)).toEqual([true, true, true])

  await it.run.stop()

  expect(pids.map(isAlive)).toEqual([false, false, false])
})

test('when the main process dies what it started is gone before the next start', async () => {
  await using it = supervised([
    service('forks', {
      argv: fixture('forks', '--die'),
      restart: { when: 'on-failure', backoffMs: [1, 1], resetAfterMs: 60_000, maxCrashes: 1, windowMs: 60_000 },
    }),
  ])
  const { reason } = await it.run.reaches('forks', 'gave-up')

  const pids = it.events.lines('forks').flatMap(line => Object.values<number>(JSON.parse(line)))
  expect(pids).toHaveLength(6)
  expect(pids.filter(isAlive)).toEqual([])
  expect(reason).toContain('exited with code 3')
})

test('a second signal kills everything before it returns', async () => {
  await using it = supervised([
    service('stubborn', { argv: fixture('ignores-sigterm'), stop: { signal: 'SIGTERM', graceMs: 60_000 } }),
    service('forks', { argv: fixture('forks'), stop: { signal: 'SIGTERM', graceMs: 60_000 } }),
  ])
  await it.events.line('stubborn', /ready/)
  const pids = Object.values<number>(JSON.parse(await it.events.line('forks', /^{/)))
  const stopped = it.run.stop()

  it.run.kill()

  await stopped
  expect(pids.filter(isAlive)).toEqual([])
  expect(it.run.exit('stubborn')).toEqual({ code: null, signal: 'SIGKILL' })
})

test('a stop while services still start leaves nothing running and starts nothing more', async () => {
  const port = await freePort()
  await using it = supervised([
    service('late', { argv: fixture('listens-late', String(port), '60000'), ready: http(port) }),
    service('next', { argv: fixture('ignores-sigterm'), needs: [{ service: 'late', reached: 'ready' }] }),
  ])
  const next = it.run.reaches('next', 'ready').catch(error => error.code)
  const { pid = 0 } = await it.run.reaches('late', 'starting')

  await it.run.stop()

  expect(isAlive(pid)).toBe(false)
  expect(it.run.history('next')).toEqual(['exited'])
  expect(await next).toBe('service_stopped')
})

test('a stop in the middle of a crash beats the restart', async () => {
  const events = new Events()
  const stopped = Promise.withResolvers<void>()
  await using it = supervised([service('crashes', { argv: fixture('prints-and-exits'), env: { CODE: '1' } })], {
    onEvent: event => {
      events.add(event)
      if (event.type === 'state' && event.state === 'backing-off') stopped.resolve(it.run.stop())
    },
  })
  await stopped.promise

  expect(it.run.history('crashes')).toEqual(['starting', 'ready', 'backing-off', 'exited'])
})
