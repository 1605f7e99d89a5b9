import { expect, test } from 'bun:test'
import { PathLocks } from '../../../src/server/files/path-locks.ts'

/** Work that ends when the test says so. */
function gated(locks: PathLocks, name: string, paths: string[], begun: string[]) {
  const gate = Promise.withResolvers<void>()
  const done = locks.with(paths, async () => {
    begun.push(name)
    await gate.promise
  })
  return {
    end: () => {
      gate.resolve()
      return done
    },
  }
}

/** Lets everything run that waits for nothing but its turn. */
const settled = () => new Promise(resolve => setImmediate(resolve))

test('changes of one path follow each other, others run at once', async () => {
  const locks = new PathLocks()
  const begun: string[] = []
  const a1 = gated(locks, 'a1', ['/w/a'], begun)
  const a2 = gated(locks, 'a2', ['/w/a'], begun)
  const b = gated(locks, 'b', ['/w/b'], begun)
  await settled()
  expect(begun).toEqual(['a1', 'b'])
  await a1.end()
  await settled()
  expect(begun).toEqual(['a1', 'b', 'a2'])
  await Promise.all([a2.end(), b.end()])
})

test('a folder and what is in it are one place, also by another spelling; a longer name beside it is not', async () => {
  const locks = new PathLocks()
  const begun: string[] = []
  const folder = gated(locks, 'folder', ['/w/Notes'], begun)
  const inside = gated(locks, 'inside', ['/w/notes/deep/a.md'], begun)
  const beside = gated(locks, 'beside', ['/w/notes-old/a.md'], begun)
  const above = gated(locks, 'above', ['/w'], begun)
  await settled()
  expect(begun).toEqual(['folder', 'beside'])
  await folder.end()
  await settled()
  expect(begun).toEqual(['folder', 'beside', 'inside'])
  await Promise.all([inside.end(), beside.end()])
  await settled()
  expect(begun).toEqual(['folder', 'beside', 'inside', 'above'])
  await above.end()
})

test('who waits for two paths is not passed over for ever, and two renames that cross end', async () => {
  const locks = new PathLocks()
  const begun: string[] = []
  const a = gated(locks, 'a', ['/a'], begun)
  const both = gated(locks, 'both', ['/a', '/b'], begun)
  const crossed = gated(locks, 'crossed', ['/b', '/a'], begun)
  const b = gated(locks, 'b', ['/b'], begun)
  await settled()
  expect(begun).toEqual(['a'])
  await a.end()
  await both.end()
  await crossed.end()
  await b.end()
  expect(begun).toEqual(['a', 'both', 'crossed', 'b'])
})

test('work that fails gives its paths back', async () => {
  const locks = new PathLocks()
  const failed = locks.with(['/a'], () => Promise.reject(new Error('no')))
  await expect(failed).rejects.toThrow('no')
  expect(await locks.with(['/a'], async () => 'next')).toBe('next')
})
