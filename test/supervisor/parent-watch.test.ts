import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { reapDeadRuns } from '../../src/supervisor/reap.ts'
import { fixture, isAlive, service, supervised, temporaryFolder } from './support.ts'

const stop = { signal: 'SIGKILL', graceMs: 1_000 } as const

test('a program that watches its parent gets a pipe as stdin, another one nothing to read', async () => {
  await using it = supervised([
    service('watches', { argv: fixture('reports-its-stdin'), parentWatch: 'pipe', stop }),
    service('does-not', { argv: fixture('reports-its-stdin'), stop }),
  ])

  const { exit } = await it.run.reaches('does-not', 'exited')
  await it.events.line('watches', /watch/)
  Bun.gc(true) // what only the garbage collector could close stays open

  expect(exit).toEqual({ code: 0, signal: null })
  expect(it.events.lines('does-not')).toEqual(['{"watch":null}', 'parent gone'])
  await it.run.stop()
  expect(it.events.lines('watches')).toEqual(['{"watch":"stdin"}'])
})

test('it sees its parent die by SIGKILL, whatever else the parent had started', async () => {
  await using folder = temporaryFolder()
  const file = join(folder.path, 'gone')
  const parent = Bun.spawn(fixture('supervises', join(folder.path, 'runs'), 'r-1', file), { stdout: 'pipe' })
  const { value } = await parent.stdout.getReader().read()
  const pids: number[] = JSON.parse(new TextDecoder().decode(value))
  expect(existsSync(file)).toBe(false)

  parent.kill('SIGKILL')

  while (!existsSync(file)) await Bun.sleep(1)
  await parent.exited
  await reapDeadRuns(join(folder.path, 'runs'))
  expect(pids.filter(isAlive)).toEqual([])
})
