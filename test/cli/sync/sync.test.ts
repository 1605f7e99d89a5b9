import { describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asHost } from '../../server/start-server.ts'
import { runCommand } from '../commands/run-command.ts'
import { plainName, plainTree, readTree, startSync, type Tree, writeTree } from './kit.ts'

const TREE: Tree = { 'a.md': 'a', 'empty.txt': '', 'b/c/d e.md': 'ü', '.env': 'x', 'b/__proto__': 'p' }

/** Both directions say the same of source and target. */
describe.each(['up', 'down'] as const)('%s', direction => {
  const start = async () => {
    const place = await startSync()
    await mkdir(place.remote, { recursive: true })
    const [source, target] = direction === 'up' ? [place.local, place.remote] : [place.remote, place.local]
    return { ...place, source, target, sync: (...flags: string[]) => place.sync('--direction', direction, ...flags) }
  }

  test('new and changed files are brought over; a second sync has nothing to do', async () => {
    await using place = await start()
    await writeTree(place.source, TREE)
    expect(await place.sync()).toMatchObject({ ok: true, created: 5, updated: 0, unchanged: 0, bytes: 5 })
    expect(await readTree(place.target)).toEqual(TREE)
    expect(await place.sync()).toMatchObject({ created: 0, updated: 0, unchanged: 5, bytes: 0, conflicts: [] })
    await writeTree(place.source, { 'a.md': 'b' })
    expect(await place.sync()).toMatchObject({ created: 0, updated: 1, unchanged: 4, conflicts: [] })
    expect(await readTree(place.target)).toEqual({ ...TREE, 'a.md': 'b' })
  })

  test('what the target changed is kept beside, and not twice', async () => {
    await using place = await start()
    await writeTree(place.source, { 'a.md': 'one', 'same.md': 's' })
    await place.sync()
    await writeTree(place.source, { 'a.md': 'theirs' })
    await writeTree(place.target, { 'a.md': 'mine' })
    const { conflicts } = await place.sync()
    expect(conflicts.map(({ path, copy }) => [path, plainName(copy)])).toEqual([['a.md', 'a (conflict).md']])
    const after = { 'a (conflict).md': 'mine', 'a.md': 'theirs', 'same.md': 's' }
    expect(plainTree(await readTree(place.target))).toEqual(after)
    expect(await place.sync()).toMatchObject({ unchanged: 2, extra: 1, conflicts: [] })
    expect(plainTree(await readTree(place.target))).toEqual(after)
  })

  test('what no sync put there is kept beside too, unless it is the same', async () => {
    await using place = await start()
    await writeTree(place.source, { 'a.md': 'theirs', 'same.md': 's' })
    await writeTree(place.target, { 'a.md': 'mine', 'same.md': 's', 'only.md': 'o' })
    expect(await place.sync()).toMatchObject({ created: 0, updated: 1, unchanged: 1, extra: 1 })
    expect(plainTree(await readTree(place.target))).toEqual({
      'a (conflict).md': 'mine',
      'a.md': 'theirs',
      'only.md': 'o',
      'same.md': 's',
    })
  })

  test('losing the state of earlier syncs loses no file', async () => {
    await using place = await start()
    await writeTree(place.source, TREE)
    await place.sync()
    await writeFile(join(place.dataDir, 'sync', (await readdir(join(place.dataDir, 'sync')))[0] ?? ''), '{')
    expect(await place.sync()).toMatchObject({ created: 0, updated: 0, unchanged: 5, conflicts: [] })
    expect(await readTree(place.target)).toEqual(TREE)
  })

  test('deletions are brought over only when asked for, and only of what a sync put there', async () => {
    await using place = await start()
    await writeTree(place.source, { 'a.md': 'a', 'b.md': 'b', 'c.md': 'c' })
    await place.sync()
    await writeTree(place.target, { 'b.md': 'changed', 'own.md': 'o' })
    await rm(join(place.source, 'a.md'))
    await rm(join(place.source, 'b.md'))
    expect(await place.sync()).toMatchObject({ deleted: 0, extra: 3 })
    const { deleted, skipped } = await place.sync('--delete')
    expect([deleted, skipped.map(({ path }) => path)]).toEqual([1, ['b.md', 'own.md']])
    expect(await readTree(place.target)).toEqual({ 'b.md': 'changed', 'c.md': 'c', 'own.md': 'o' })
  })

  test('a dry run says what would be done, and changes nothing', async () => {
    await using place = await start()
    await writeTree(place.source, { 'a.md': 'a', 'new.md': 'n', 'x.md': 'x' })
    await writeTree(place.target, { 'x.md': 'y' })
    await place.sync('--ignore', 'new.md,x.md')
    await writeTree(place.source, { 'a.md': 'b' })
    const before = [await readTree(place.local), await readTree(place.remote), await readTree(place.dataDir)]
    expect(await place.sync('--dry-run')).toMatchObject({ ok: true, dryRun: true, created: 0, updated: 0 })
    const { code, stdout } = await place.run('--direction', direction, '--dry-run')
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'update   a.md',
      'create   new.md',
      `compare  x.md: kept as a copy if it differs ${direction === 'up' ? 'there' : 'here'}`,
    ])
    expect([await readTree(place.local), await readTree(place.remote), await readTree(place.dataDir)]).toEqual(before)
  })

  test('ignored files are left alone on both sides', async () => {
    await using place = await start()
    await writeTree(place.local, { '.openworkignore': '*.log\n!keep.log\n' })
    await writeTree(place.source, { 'a.log': 'new', 'keep.log': 'k', 'tmp/x': 'x', 'a.md': 'a' })
    await writeTree(place.target, { 'a.log': 'old' })
    await writeTree(place.local, { 'node_modules/m/i.js': 'm', '.git/config': 'g' })
    await place.sync('--ignore', 'tmp/', '--delete')
    const target = await readTree(place.target)
    expect(target).toMatchObject({ 'a.log': 'old', 'keep.log': 'k', 'a.md': 'a' })
    expect(target['tmp/x']).toBeUndefined()
    expect(await readTree(place.remote)).not.toHaveProperty(['node_modules/m/i.js'])
    expect(await readTree(place.remote)).not.toHaveProperty(['.git/config'])
  })

  test('two thousand files go over in batches, and a changed one alone afterwards', async () => {
    await using place = await start()
    const names = Array.from({ length: 2000 }, (_, n) => `d${n % 20}/f${n}.txt`)
    await writeTree(place.source, Object.fromEntries(names.map((name, n) => [name, `content ${n}`])))
    expect(await place.sync()).toMatchObject({ ok: true, created: 2000, failed: [] })
    expect(await readTree(place.target)).toEqual(await readTree(place.source))
    await writeTree(place.source, { 'd7/f7.txt': 'changed' })
    expect(await place.sync()).toMatchObject({ created: 0, updated: 1, unchanged: 1999 })
  }, 60_000)

  test('a file that is too large is named and left out', async () => {
    await using place = await start()
    await writeTree(place.source, { 'large.bin': 'x'.repeat(5_000_001), 'limit.bin': 'x'.repeat(5_000_000) })
    const { created, skipped } = await place.sync()
    expect([created, skipped]).toEqual([1, [{ path: 'large.bin', reason: 'larger than 5000000 bytes' }]])
  })

  test('a file where the target has a folder, and a folder where it has a file, are named and left out', async () => {
    await using place = await start()
    await writeTree(place.source, { a: 'file', 'b/c': 'file', 'd.md': 'd' })
    await writeTree(place.target, { 'a/x': 'x', b: 'file' })
    const { created, skipped, ok } = await place.sync()
    expect([ok, created, skipped.map(({ path }) => path)]).toEqual([true, 1, ['a', 'b/c']])
  })
})

test('symbolic links are neither followed nor written through', async () => {
  await using place = await startSync()
  const outside = join(place.local, '..', 'outside')
  await writeTree(outside, { 'secret.md': 'secret' })
  await writeTree(place.remote, { 'link/new.md': 'evil', 'file.md': 'evil' })
  await symlink(outside, join(place.local, 'link'))
  await symlink(join(outside, 'secret.md'), join(place.local, 'file.md'))

  const down = await place.sync('--direction', 'down', '--delete')
  expect(down.skipped).toEqual([
    { path: 'file.md', reason: 'a symbolic link' },
    { path: 'link', reason: 'a symbolic link' },
  ])
  expect(await readTree(outside)).toEqual({ 'secret.md': 'secret' })
  const up = await place.sync('--delete')
  expect(up).toMatchObject({ created: 0, updated: 0, deleted: 0 })
  expect(await readTree(place.remote)).toEqual({ 'file.md': 'evil', 'link/new.md': 'evil' })
})

test('a folder called workspace is one like any other', async () => {
  await using place = await startSync()
  await writeTree(place.local, { 'workspace/workspace/a.md': 'a', 'workspace/b.md': 'b', 'b.md': 'other' })
  for (const created of [3, 0]) {
    const { stdout } = await runCommand(['files', 'sync', place.local, '.', '--json', '--ignore', 'data'], place.env)
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, created })
  }
  expect(await readTree(place.server.workspace)).toEqual(await readTree(place.local))
})

test('both directions share what they know: a file brought up and changed there comes down as an update', async () => {
  await using place = await startSync()
  await writeTree(place.local, { 'a.md': 'one' })
  await place.sync()
  await writeTree(place.remote, { 'a.md': 'two' })
  expect(await place.sync('--direction', 'down')).toMatchObject({ updated: 1, conflicts: [] })
  expect(await readTree(place.local)).toEqual({ 'a.md': 'two' })
})

test('the state is for its owner alone', async () => {
  await using place = await startSync()
  await writeTree(place.local, { 'a.md': 'one' })
  await place.sync()
  const folder = join(place.dataDir, 'sync')
  const [file = ''] = await readdir(folder)
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600)
  expect(await readFile(join(folder, file), 'utf8')).not.toContain('client-token')
})

test('a file keeps its permissions when it is updated', async () => {
  await using place = await startSync()
  await writeTree(place.remote, { 'run.sh': 'one' })
  await place.sync('--direction', 'down')
  await Bun.spawn(['chmod', '700', join(place.local, 'run.sh')]).exited
  await writeTree(place.remote, { 'run.sh': 'two' })
  await place.sync('--direction', 'down')
  expect((await stat(join(place.local, 'run.sh'))).mode & 0o777).toBe(0o700)
})

test('a refused change ends the sync, and what was allowed before is not asked for again', async () => {
  await using place = await startSync({ flags: ['--approval', 'manual', '--approval-timeout', '20000'] })
  await writeTree(place.local, Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`f${n}`, 'x'])))
  const running = place.run('--json')
  for (const reply of ['allow', 'deny']) await answerNext(place.server, reply)
  const { code, stdout } = await running
  expect([code, JSON.parse(stdout).code]).toEqual([1, 'write_denied'])
  expect(Object.keys(await readTree(place.remote))).toHaveLength(64)
  const again = place.sync()
  await answerNext(place.server, 'allow')
  expect(await again).toMatchObject({ created: 1, unchanged: 64 })
})

type Server = Awaited<ReturnType<typeof startSync>>['server']

/** Answers the next question the host is asked. */
async function answerNext(server: Server, reply: string): Promise<void> {
  for (;;) {
    const { body } = await server.json('/approvals', { headers: asHost })
    const [item] = (body as { items: { id: string }[] }).items
    if (item) return void (await server.post(`/approvals/${item.id}`, asHost, { reply }))
    await Bun.sleep(10)
  }
}

test('who may not write is told so before anything is read', async () => {
  await using place = await startSync({ flags: ['--read-only'] })
  await writeTree(place.local, { 'a.md': 'a' })
  const { code, stdout } = await place.run('--json')
  expect([code, JSON.parse(stdout).code]).toEqual([1, 'forbidden'])
  await writeTree(place.remote, { 'b.md': 'b' })
  expect(await place.sync('--direction', 'down')).toMatchObject({ created: 1 })
})

test('folders that cannot be synced are refused with a reason', async () => {
  await using place = await startSync()
  const codeOf = async (argv: string[]): Promise<unknown> => {
    const { code, stdout } = await runCommand(['files', 'sync', ...argv, '--json'], place.env)
    return [code, JSON.parse(stdout).code]
  }
  expect(await codeOf([join(place.local, 'missing'), 'docs'])).toEqual([3, 'sync_folder_unusable'])
  expect(await codeOf([place.local, '../outside'])).toEqual([2, 'invalid_value'])
  await writeTree(place.remote, { 'file.md': 'x' })
  expect(await codeOf([place.local, 'docs/file.md'])).toEqual([2, 'invalid_value'])
  expect(await codeOf([place.local, 'docs', '--workspace-id', 'none'])).toEqual([3, 'workspace_not_found'])
})
