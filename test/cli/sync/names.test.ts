import { expect, test } from 'bun:test'
import { conflictName, findCollisions, findNameProblem } from '../../../src/cli/sync/names.ts'

test('ordinary names are let through everywhere', () => {
  for (const path of [
    'a',
    'a/b.md',
    '.env',
    '..a',
    'a..',
    'ünï/日本 1.txt',
    'a b/c',
    'gitignore',
    '.gitignore',
    'CONfig',
  ])
    for (const platform of ['linux', 'darwin'] as const) expect(findNameProblem(path, platform)).toBeUndefined()
  for (const path of ['a', 'config', 'a/b.md', 'console.log']) expect(findNameProblem(path, 'win32')).toBeUndefined()
})

test.each([
  '',
  '/etc/passwd',
  '../x',
  'a/../../x',
  'a/./b',
  'a//b',
  'a/',
  'a\\..\\x',
  'a\0b',
  ' a',
  'a ',
  '\ud800',
  '.git/hooks/post-checkout',
  'a/.GIT/config',
  '.g\u200cit/config',
  'x'.repeat(256),
])('the path %j of a server is not used', path => {
  for (const platform of ['linux', 'darwin', 'win32'] as const) expect(findNameProblem(path, platform)).toBeString()
})

test.each([
  'C:/x',
  'a:b',
  'nul',
  'COM1.txt',
  'a/aux.md',
  'a.',
  'a./b',
  'x?',
  'git~1/config',
  '.git::$INDEX_ALLOCATION',
])('Windows does not get the name %j', path =>
  expect(findNameProblem(path, 'win32')).toBe('Windows does not allow its name'),
)

test('names that are one file where case is folded collide, and those here come first', () => {
  const paths = ['README.md', 'docs/a.md', 'Docs/b.md', 'readme.md', 'cafe\u0301', 'caf\u00e9']
  const collisions = findCollisions(paths, new Set(['Readme.md']), 'darwin')
  expect(collisions.map(({ path }) => path)).toEqual(['README.md', 'Docs/b.md', 'readme.md', 'caf\u00e9'])
  expect(findCollisions(['Readme.md'], new Set(['Readme.md']), 'win32')).toEqual([])
  expect(findCollisions(paths, new Set(['Readme.md']), 'linux')).toEqual([])
})

test('a conflict copy tells when and where, keeps the extension, and fits into a name', () => {
  const at = new Date('2026-11-22T16:30:05.123Z')
  const name = (path: string, attempt = 1, host = 'ada’s laptop') => conflictName(path, { at, host, attempt })
  expect(name('notes/a.tar.gz')).toBe('notes/a.tar (conflict 2026-11-22 16.30.05 ada-s-laptop).gz')
  expect(name('.env', 2)).toBe('.env (conflict 2026-11-22 16.30.05 ada-s-laptop 2)')
  expect(findNameProblem(name('a.md'), 'win32')).toBeUndefined()
  const long = name(`d/${'ü'.repeat(120)}.markdown`)
  expect(Buffer.byteLength(long.slice(2))).toBeLessThanOrEqual(255)
  expect(long).toEndWith(').markdown')
  expect(long.isWellFormed()).toBe(true)
})
