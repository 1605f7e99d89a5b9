import { expect, test } from 'bun:test'
import { fixture, service, supervised } from './support.ts'

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
