import { expect } from 'bun:test'
import { mkdir, realpath, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Roots } from '../../src/server/roots.ts'
import { temporaryFolder, testInProcess } from './start-server.ts'

testInProcess('roots hold themselves and what lies below them, nothing beside or above', async () => {
  await using folder = await temporaryFolder()
  const base = await realpath(folder.path)
  const many = Array.from({ length: 500 }, (_, index) => join(base, `root-${index}`))
  const roots = new Roots(many)
  for (const path of [many[0], many[499], join(many[7] ?? '', 'a', 'b')]) expect(roots.hold(path ?? '')).toBe(true)
  for (const path of [base, '/', join(base, 'root-7x'), join(base, 'root-')]) expect(roots.hold(path)).toBe(false)
  expect(new Roots(['/']).hold('/anything')).toBe(true)
  expect(new Roots([]).hold('/')).toBe(false)
})

testInProcess('a root that becomes a link stays where it was while the list changes around it', async () => {
  await using folder = await temporaryFolder()
  const base = await realpath(folder.path)
  const [root, other, elsewhere] = ['root', 'other', 'elsewhere'].map(name => join(base, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [root, other, elsewhere]) await mkdir(path)
  const before = new Roots([root])
  await rename(root, `${root}-moved`)
  await symlink(elsewhere, root)
  const after = new Roots([other, root], before)
  expect([after.hold(root), after.hold(other), after.hold(elsewhere)]).toEqual([true, true, false])
  expect(new Roots([root]).hold(elsewhere)).toBe(true)
})
