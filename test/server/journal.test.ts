import { expect, test } from 'bun:test'
import { appendFile, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileLinesFromEnd, Journal } from '../../src/server/journal.ts'
import { temporaryFolder } from './start-server.ts'

const ROOMY = { maxBytes: 1024 * 1024, keep: 4 }
const APPENDS = join(import.meta.dir, '..', 'fixtures', 'programs', 'appends.ts')

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  return Array.fromAsync(lines)
}

function appends(...args: string[]) {
  return Bun.spawn([process.execPath, APPENDS, ...args], { stdout: 'pipe', stderr: 'inherit' })
}

test('lines are read last one first, and are for their owner alone', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'audit', 'a.jsonl')
  const journal = new Journal(path, ROOMY)
  expect(await all(journal.linesFromEnd())).toEqual([])
  await journal.append(['one', 'two'])
  await journal.append(['three'])
  expect(await all(journal.linesFromEnd())).toEqual(['three', 'two', 'one'])
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder.path, 'audit'))).mode & 0o777).toBe(0o700)
})

test('lines given at once are all there, whole and in order', async () => {
  await using folder = await temporaryFolder()
  const journal = new Journal(join(folder.path, 'a'), ROOMY)
  const lines = Array.from({ length: 500 }, (_, n) => `line ${n}`)
  await Promise.all(lines.map(line => journal.append([line])))
  expect(await all(journal.linesFromEnd())).toEqual(lines.reverse())
})

test('a line torn by a crash stays alone', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  await writeFile(path, 'one\n{"torn":')
  const journal = new Journal(path, ROOMY)
  await journal.append(['two'])
  expect(await all(journal.linesFromEnd())).toEqual(['two', '{"torn":', 'one'])
})

test('lines longer than what is read at once come whole; a monstrous one is passed over', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  const long = `${'ü→😀'.repeat(40_000)}`
  await writeFile(path, `first\n${long}\n${'x'.repeat(3 * 1024 * 1024)}\nbetween\n\n${long}`)
  expect(await all(fileLinesFromEnd(path))).toEqual([long, 'between', long, 'first'])
})

test('a file that is full is put aside; the newest are kept and read on', async () => {
  await using folder = await temporaryFolder()
  const journal = new Journal(join(folder.path, 'a.jsonl'), { maxBytes: 30, keep: 2 })
  const lines = Array.from({ length: 20 }, (_, n) => `line number ${String(n).padStart(2, '0')}`)
  for (const line of lines) await journal.append([line])
  // Two lines to a file: the current one and the two kept.
  expect(await all(journal.linesFromEnd())).toEqual(lines.slice(-6).reverse())
  expect(await readdir(folder.path)).toHaveLength(3)
})

test('what is put aside while it is read is read once', async () => {
  await using folder = await temporaryFolder()
  const journal = new Journal(join(folder.path, 'a'), { maxBytes: 10, keep: 9 })
  for (const line of ['1111', '2222', '3333', '4444']) await journal.append([line])
  const reading = journal.linesFromEnd()
  const first = await reading.next()
  await journal.append(['5555', '6666'])
  expect([first.value, ...(await all(reading))]).toEqual(['4444', '3333', '2222', '1111'])
})

test('other files beside it are left alone', async () => {
  await using folder = await temporaryFolder()
  for (const name of ['a.jsonl.old', 'a.jsonl.1', 'ab.jsonl.1-00000000'])
    await writeFile(join(folder.path, name), 'x\n')
  const journal = new Journal(join(folder.path, 'a.jsonl'), { maxBytes: 1, keep: 0 })
  for (const line of ['1', '2', '3']) await journal.append([line])
  expect(await all(journal.linesFromEnd())).toEqual(['3'])
  expect((await readdir(folder.path)).sort()).toEqual(['a.jsonl', 'a.jsonl.1', 'a.jsonl.old', 'ab.jsonl.1-00000000'])
})

test('who gave lines that could not be written hears of it, and later ones are written', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'in', 'the', 'way')
  await writeFile(join(folder.path, 'in'), 'a file')
  const journal = new Journal(path, ROOMY)
  const failed = await Promise.allSettled([journal.append(['1']), journal.append(['2'])])
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await journal.flush()
  await Bun.file(join(folder.path, 'in')).delete()
  await journal.append(['3'])
  expect(await all(journal.linesFromEnd())).toEqual(['3'])
})

test('several processes append to one file and put it aside without losing a line', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  const programs = ['x', 'y', 'z'].map(name => appends(path, name, '60', '8000'))
  expect(await Promise.all(programs.map(program => program.exited))).toEqual([0, 0, 0])
  const lines = await all(new Journal(path, ROOMY).linesFromEnd())
  const seen = lines.map(line => JSON.parse(line) as { name: string; n: number })
  expect(new Set(seen.map(({ name, n }) => `${name}${n}`)).size).toBe(180)
  expect(lines).toHaveLength(180)
})

test('a process killed while it appends leaves at most one torn line, and the next line is whole', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  const program = appends(path, 'killed', 'forever', '1000000')
  await program.stdout.getReader().read()
  program.kill('SIGKILL')
  await program.exited
  await appendFile(path, '{"torn') // as the kill does now and then
  const journal = new Journal(path, ROOMY)
  await journal.append(['{"after":"the kill"}'])
  const [last, torn, ...before] = await all(journal.linesFromEnd())
  expect([last, torn]).toEqual(['{"after":"the kill"}', '{"torn'])
  expect(before.map(line => JSON.parse(line).n)).toEqual(before.map((_, index) => before.length - 1 - index))
})

test('of somebody else’s file neither links nor pipes nor folders are read', async () => {
  await using folder = await temporaryFolder()
  const at = (name: string): string => join(folder.path, name)
  await writeFile(at('secret'), 'secret\n')
  await symlink(at('secret'), at('link'))
  await mkdir(at('folder'))
  expect(Bun.spawnSync(['mkfifo', at('pipe')]).exitCode).toBe(0)
  for (const name of ['link', 'folder', 'pipe', 'missing', 'secret/below'])
    expect([name, await all(fileLinesFromEnd(at(name)))]).toEqual([name, []])
})

test('a pipe in the place of a journal is neither waited for nor written to', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  for (const pipe of [path, `${path}.1-00000000`]) expect(Bun.spawnSync(['mkfifo', pipe]).exitCode).toBe(0)
  const journal = new Journal(path, ROOMY)
  expect(await all(journal.linesFromEnd())).toEqual([])
  await expect(journal.append(['one'])).rejects.toThrow('is no regular file')
})
