import { describe, expect, test } from 'bun:test'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../commands/run-command.ts'
import { plainName, plainTree, readTree, startSync, type Tree, writeTree } from './kit.ts'

const MAIN = join(import.meta.dir, '..', '..', '..', 'src', 'bin', 'openwork.ts')
const TREE: Tree = Object.fromEntries(
  Array.from({ length: 400 }, (_, n) => [`d${n % 7}/f${n}`, `${n} `.repeat(500 + n)]),
)

/** `openwork files sync` as a process of its own. */
function startProcess(place: Awaited<ReturnType<typeof startSync>>, direction: string) {
  return Bun.spawn([process.execPath, MAIN, 'files', 'sync', place.local, 'docs', '--direction', direction, '--json'], {
    env: { ...place.env, PATH: process.env.PATH },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

async function reaches(folder: string, count: number): Promise<void> {
  for (;;) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    if (entries.filter(entry => entry.isFile()).length >= count) return
    await Bun.sleep(1)
  }
}

describe.each(['up', 'down'] as const)('%s', direction => {
  test.each(['SIGKILL', 'SIGINT'] as const)('a sync that %s ended goes on where it was', async signal => {
    await using place = await startSync()
    await mkdir(place.remote)
    const [source, target] = direction === 'up' ? [place.local, place.remote] : [place.remote, place.local]
    await writeTree(source, TREE)
    const child = startProcess(place, direction)
    await Promise.race([reaches(target, 30), child.exited])
    child.kill(signal)
    const code = await child.exited
    if (signal === 'SIGINT') {
      expect(code).toBe(130)
      expect(JSON.parse(await child.stdout.text())).toMatchObject({ ok: false, code: 'interrupted' })
    }
    // Each file is there whole or not at all; a server may still be busy with what it was sent.
    for (const [path, content] of Object.entries(TREE)) {
      const found = Bun.file(join(target, path))
      if (await found.exists()) expect([path, await found.text()]).toEqual([path, content])
    }

    const { ok, created, unchanged, conflicts } = await place.sync('--direction', direction)
    expect([ok, conflicts]).toEqual([true, []])
    expect(created).toBeGreaterThan(0)
    expect(created + unchanged).toBe(400)
    expect(await readTree(target)).toEqual(TREE)
    expect(await readTree(source)).toEqual(TREE)
  })
})

test('what a killed sync left beside files is cleared away, and kept when it is nowhere else', async () => {
  await using place = await startSync()
  await writeTree(place.local, { 'a.md': 'a' })
  await place.sync()
  const gone = Bun.spawn(['true'])
  await gone.exited
  const running = `.openwork-sync-${process.pid}-0123456789abcdef.new`
  await writeTree(place.local, {
    [`d/.openwork-sync-${gone.pid}-0123456789abcdef.new`]: 'half',
    [`.openwork-sync-${gone.pid}-0123456789abcdef.old`]: 'a',
    [`d/.openwork-sync-${gone.pid}-fedcba9876543210.old`]: 'saved in the last moment',
    [running]: 'another sync is at it',
    '.openwork-sync-notes.md': 'mine',
  })
  const { created, conflicts } = await place.sync()
  expect([created, conflicts.map(({ copy }) => plainName(copy))]).toEqual([1, ['d/recovered (conflict)']])
  expect(await readTree(place.remote)).toEqual({ 'a.md': 'a', '.openwork-sync-notes.md': 'mine' })
  expect(plainTree(await readTree(place.local))).toEqual({
    '.openwork-sync-notes.md': 'mine',
    [running]: 'another sync is at it',
    'a.md': 'a',
    'd/recovered (conflict)': 'saved in the last moment',
  })
})

test('two syncs of different folders to one place lose nothing', async () => {
  await using place = await startSync()
  const other = join(place.local, '..', 'other')
  const mine = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${n}`, `mine ${n}`]))
  const theirs = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${n}`, `theirs ${n}`]))
  await writeTree(place.local, mine)
  await writeTree(other, theirs)
  const otherSync = () => runCommand(['files', 'sync', other, 'docs', '--json'], place.env)
  await Promise.all([place.run('--json'), otherSync()])
  const contents = new Set(Object.values(await readTree(place.remote)))
  // Whoever lost a race for a file was told so, and has it still.
  await place.sync()
  for (const content of Object.values(await readTree(place.remote))) contents.add(content)
  for (const content of Object.values(mine)) expect(contents).toContain(content)
  const lost = Object.entries(theirs).filter(([, content]) => !contents.has(content))
  const { stdout } = await otherSync()
  expect(JSON.parse(stdout)).toMatchObject({ ok: true })
  const now = new Set(Object.values(await readTree(place.remote)))
  expect(lost.filter(([, content]) => !now.has(content))).toEqual([])
  for (const content of [...Object.values(mine), ...Object.values(theirs)]) expect(now).toContain(content)
})
