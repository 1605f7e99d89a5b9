import { describe, expect, test } from 'bun:test'
import { mkdir, realpath, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findRelativePath, parseRelativePath, resolveInside } from '../../../src/server/files/safe-path.ts'
import { temporaryFolder } from '../start-server.ts'

const refused = expect.objectContaining({ code: 'invalid_path' })

describe('a path', () => {
  test.each([
    ['a.md', 'a.md'],
    ['  notes/a.md\n', 'notes/a.md'],
    ['/a.md', 'a.md'],
    ['///a//b///c', 'a/b/c'],
    ['./a', 'a'],
    ['a/', 'a'],
    ['\\notes\\a.md', 'notes/a.md'],
    ['/workspace/a.md', 'a.md'],
    ['/workspace/workspace/a.md', 'workspace/a.md'],
    ['workspace/a.md', 'workspace/a.md'],
    ['workspace', 'workspace'],
    ['/workspace', 'workspace'],
    ['%2e%2e%2fetc', '%2e%2e%2fetc'], // a name like any other: nobody decodes it again
    ['..a', '..a'],
    ['...', '...'],
    ['ünï/日本語/😀.md', 'ünï/日本語/😀.md'],
    ['~/x', '~/x'],
  ])('%j is %j', (input, plain) => {
    expect(parseRelativePath(input)).toBe(plain)
  })

  test.each([
    '',
    ' ',
    '/',
    '///',
    '.',
    '..',
    './',
    '../a',
    'a/..',
    'a/../b',
    'a/./b',
    '..\\a',
    'a\\..\\..\\b',
    '/../etc/passwd',
    '/workspace/../a',
    './../a',
    '././a',
    'a\0b',
    'a\ud800',
    'a/.openwork-tmp-00000000-0000-4000-8000-000000000000',
  ])('%j is refused', input => {
    expect(() => parseRelativePath(input)).toThrow(refused)
  })

  test('that no file system could hold is refused', () => {
    for (const input of ['x'.repeat(5000), `${'x/'.repeat(3000)}x`])
      expect(() => parseRelativePath(input)).toThrow(refused)
  })
})

test('a relative path that begins with "workspace" means the folder of that name when there is one', async () => {
  await using folder = await temporaryFolder()
  expect(await findRelativePath(folder.path, 'workspace/a.md')).toBe('a.md')
  await mkdir(join(folder.path, 'workspace'))
  expect(await findRelativePath(folder.path, 'workspace/a.md')).toBe('workspace/a.md')
  expect(await findRelativePath(folder.path, '/workspace/a.md')).toBe('a.md')
  expect(await findRelativePath(folder.path, '/workspace/workspace/a.md')).toBe('workspace/a.md')
})

test('a path is resolved through links inside the root, and refused when one leads out of it', async () => {
  await using folder = await temporaryFolder()
  const root = join(await realpath(folder.path), 'root')
  await mkdir(join(root, 'real', 'deep'), { recursive: true })
  await mkdir(`${root}-beside`)
  await symlink('real', join(root, 'inside'))
  await symlink('..', join(root, 'out'))
  await symlink(`${root}-beside`, join(root, 'beside'))
  await symlink('loop', join(root, 'loop'))
  await Bun.write(join(root, 'file'), '')

  expect(await resolveInside(root, 'inside/deep/new.md')).toBe(join(root, 'real/deep/new.md'))
  expect(await resolveInside(root, 'inside/a/b/c.md')).toBe(join(root, 'real/a/b/c.md'))
  expect(await resolveInside(root, 'x')).toBe(join(root, 'x'))
  expect(await resolveInside(root, 'a/b/c')).toBe(join(root, 'a/b/c'))
  expect(await resolveInside(root, 'out')).toBe(join(root, 'out')) // the link itself, not where it leads
  for (const path of ['out/x', 'out/a/b/c', 'beside/x', 'loop/x', 'file/x', `${'n'.repeat(300)}/x`])
    await expect(resolveInside(root, path)).rejects.toMatchObject({ code: 'invalid_path' })
})
