import { expect, test } from 'bun:test'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hostLauncher } from '../../src/supervisor/host-launcher.ts'
import { supervise } from '../../src/supervisor/supervisor.ts'
import { fixture, freePort, http, service, supervised, temporaryFolder } from './support.ts'

test('a server that takes requests but does not answer them while it boots is seen as soon as it does', async () => {
  const port = await freePort()
  await using it = supervised([
    service('late', {
      argv: fixture('listens-late', String(port), '300'),
      ready: http(port, { tryMs: 50, everyMs: 20 }),
    }),
  ])

  await it.run.reaches('late', 'ready')

  expect(it.events.lines('late')).toEqual(['accepting', `listening on http://127.0.0.1:${port}`])
})

test('with a line to wait for it is not asked before', async () => {
  const port = await freePort()
  await using it = supervised([
    service('late', {
      argv: fixture('listens-late', String(port), '100'),
      // Asked any earlier, the first try would hang for longer than the service has.
      ready: http(port, { afterLine: /listening on/, tryMs: 60_000, withinMs: 50_000 }),
    }),
  ])

  await it.run.reaches('late', 'ready')

  expect(it.run.history('late')).toEqual(['starting', 'ready'])
})

test('one that is never ready is killed when its time is over, and given up', async () => {
  const port = await freePort()
  await using it = supervised([
    service('late', {
      argv: fixture('listens-late', String(port), '60000'),
      ready: http(port, { tryMs: 20, everyMs: 5, withinMs: 100 }),
    }),
  ])

  const { reason } = await it.run.reaches('late', 'gave-up')

  expect(reason).toBe('not ready within 100 ms')
  expect(it.run.history('late')).toEqual(['starting', 'stopping', 'gave-up'])
})

test('a service starts when what it needs is ready, and gives up when that never will be', async () => {
  await using it = supervised([
    service('broken', {
      argv: fixture('prints-and-exits'),
      env: { CODE: '1' },
      ready: http(1, { tryMs: 10 }),
      restart: { when: 'never', backoffMs: [1, 1], resetAfterMs: 1, maxCrashes: 1, windowMs: 1 },
    }),
    service('next', { argv: fixture('ignores-sigterm'), needs: [{ service: 'broken', reached: 'ready' }] }),
  ])

  const error = await it.run.reaches('next', 'ready').catch(error => error)

  expect(error).toMatchObject({ code: 'service_gave_up', message: 'next gave up: needs broken, which gave up' })
  expect(it.run.history('next')).toEqual(['gave-up'])
})

test('a program that cannot be started says why and is not tried again', async () => {
  await using folder = temporaryFolder()
  const file = async (name: string, mode: number): Promise<string> => {
    const path = join(folder.path, name)
    await writeFile(path, 'neither a script nor a binary')
    await chmod(path, mode)
    return path
  }
  const missing = join(folder.path, 'missing')
  await using it = supervised([
    service('missing', { argv: [missing] }),
    service('locked', { argv: [await file('locked', 0o600)] }),
    service('garbage', { argv: [await file('garbage', 0o700)] }),
    service('homeless', { argv: fixture('http-ok', '0'), cwd: missing }),
  ])

  const reasons = it.run.snapshot().map(({ state, reason }) => `${state}: ${reason?.replaceAll(folder.path, '')}`)

  expect(reasons).toEqual([
    'gave-up: ENOENT: cannot start /missing, there is no such file, or its interpreter is missing',
    'gave-up: EACCES: cannot start /locked, it is not executable for this user',
    'gave-up: ENOEXEC: cannot start /garbage, it is not a program for this machine',
    'gave-up: ENOENT: its folder /missing does not exist',
  ])
})

test('needs that contradict each other are refused before anything starts', () => {
  const needing = (name: string, ...needs: string[]) =>
    service(name, {
      argv: fixture('http-ok'),
      needs: needs.map(need => ({ service: need, reached: 'ready' as const })),
    })
  const attempt =
    (...specs: ReturnType<typeof needing>[]) =>
    () =>
      supervise(specs, { launcher: hostLauncher() })

  expect(attempt(needing('a', 'b'), needing('b', 'c'), needing('c', 'a'))).toThrow(
    'Services need each other: a → b → c → a',
  )
  expect(attempt(needing('a', 'x'))).toThrow('a needs x, which is not a service of this run')
  expect(attempt(needing('a'), needing('a'))).toThrow('Two services are named a')
  expect(attempt(needing('a:b'))).toThrow('Not a service name: "a:b"')
})
