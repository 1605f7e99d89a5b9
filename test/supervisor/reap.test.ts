import { expect, test } from 'bun:test'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tellsOfKill } from '../../src/cli/log-files/read-end.ts'
import { reapDeadRuns, reapRun } from '../../src/supervisor/reap.ts'
import { listRuns, openRunRecord, type RunFile } from '../../src/supervisor/run-record.ts'
import { fixture, isAlive, temporaryFolder } from './support.ts'

type Supervising = { child: Bun.Subprocess<'ignore', 'pipe', 'inherit'>; pids: number[] } & AsyncDisposable

/** A supervisor in a process of its own, with the pids of all that it started: five. Whatever is left ends with it. */
async function supervising(folder: string): Promise<Supervising> {
  const child = Bun.spawn(fixture('supervises', folder, 'r-1'), { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  const pids: number[] = JSON.parse(new TextDecoder().decode(value))
  const end = async () => {
    child.kill('SIGKILL')
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL')
    await child.exited
  }
  return { child, pids, [Symbol.asyncDispose]: end }
}

const change = async (path: string, change: (file: RunFile) => void): Promise<void> => {
  const file: RunFile = JSON.parse(await readFile(path, 'utf8'))
  change(file)
  await writeFile(path, JSON.stringify(file))
}

test('what a killed orchestrator left is gone after the next start has looked', async () => {
  await using folder = temporaryFolder()
  await using it = await supervising(folder.path)
  const { child, pids } = it
  child.kill('SIGKILL')
  await child.exited
  expect(pids.filter(isAlive)).toHaveLength(5)
  const [run] = await listRuns(folder.path)
  expect(run).toMatchObject({ runId: 'r-1', alive: false, info: { hello: 'there' } })
  await writeFile(`${run?.path}.${run?.nonce}.tmp`, 'killed while it wrote')

  const { killed, setAside } = await reapDeadRuns(folder.path)

  expect(pids.filter(isAlive)).toEqual([])
  expect(new Set(killed.map(({ service }) => service))).toEqual(new Set(['forks', 'stubborn']))
  expect(setAside).toEqual([])
  expect(await readdir(folder.path)).toEqual([])
})

test('the log of a killed host ends with that it was killed', async () => {
  await using folder = temporaryFolder()
  await using it = await supervising(folder.path)
  const logFile = join(folder.path, 'host.log')
  await writeFile(logFile, '{"timeUnixNano":"17","seve')
  it.child.kill('SIGKILL')
  await it.child.exited
  const [run] = await listRuns(folder.path)
  await change(run?.path ?? '', file => {
    file.info = { logFile }
  })

  expect(await tellsOfKill(logFile)).toBe(false)
  const { killed } = await reapDeadRuns(folder.path)

  expect(await tellsOfKill(logFile, 'r-1')).toBe(true)
  expect(await tellsOfKill(logFile, 'r-2')).toBe(false)
  const last = JSON.parse((await readFile(logFile, 'utf8')).trim().split('\n').at(-1) ?? '')
  expect(last.body).toContain(`was killed or has crashed; ${killed.length} processes of it were ended`)
})

test('two starts that look at once do it once, and both find it done', async () => {
  await using folder = temporaryFolder()
  await using it = await supervising(folder.path)
  const { child, pids } = it
  child.kill('SIGKILL')
  await child.exited

  const reaped = await Promise.all([
    reapDeadRuns(folder.path).then(({ killed }) => ({ killed, left: pids.filter(isAlive) })),
    reapDeadRuns(folder.path).then(({ killed }) => ({ killed, left: pids.filter(isAlive) })),
  ])

  expect(reaped.map(({ left }) => left)).toEqual([[], []])
  expect(reaped.map(({ killed }) => killed.length > 0).sort()).toEqual([false, true])
  expect(await readdir(folder.path)).toEqual([])
})

test('a living run is not touched', async () => {
  await using folder = temporaryFolder()
  await using it = await supervising(folder.path)
  const { child, pids } = it

  expect(await reapDeadRuns(folder.path)).toEqual({ killed: [], setAside: [] })

  expect(pids.filter(isAlive)).toEqual(pids)
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  expect(pids.filter(isAlive)).toEqual([])
  expect(await readdir(folder.path)).toEqual([])
})

test('a pid that another process has now is left alone', async () => {
  await using folder = temporaryFolder()
  const innocent = Bun.spawn(fixture('ignores-sigterm'), { detached: true, stdout: 'ignore' })
  const record = await openRunRecord(folder.path, { runId: 'r-1' })
  await record.noteSpawn({ service: 'old', pid: innocent.pid, group: innocent.pid, marker: '' })
  await change(record.path, file => {
    file.owner.startTime = 'long ago'
    for (const noted of file.processes) noted.startTime = 'long ago'
  })

  expect(await reapRun(record.path)).toEqual({ killed: [], setAside: [] })

  expect(isAlive(innocent.pid)).toBe(true)
  expect(await readdir(folder.path)).toEqual([])
  innocent.kill('SIGKILL')
  await innocent.exited
})

test('a record that is none is put aside and told, and others are still reaped', async () => {
  await using folder = temporaryFolder()
  await using it = await supervising(folder.path)
  const { child, pids } = it
  child.kill('SIGKILL')
  await child.exited
  const broken = { 'cut.json': '{"version":1,"run', 'empty.json': '', 'hollow.json': '{"version":1,"nonce":""}' }
  for (const [name, text] of Object.entries(broken)) await writeFile(join(folder.path, name), text)

  const { setAside } = await reapDeadRuns(folder.path)

  const names = Object.keys(broken).map(name => `${name}.corrupt`)
  expect(setAside.sort()).toEqual(names.map(name => join(folder.path, name)))
  expect((await readdir(folder.path)).sort()).toEqual(names)
  expect(pids.filter(isAlive)).toEqual([])
})

test('records of another machine or a later version are not for us to judge', async () => {
  await using folder = temporaryFolder()
  await using it = await supervising(folder.path)
  const { child, pids } = it
  child.kill('SIGKILL')
  await child.exited
  const path = join(folder.path, 'r-1.json')
  await change(path, file => {
    file.machine = 'another'
  })
  await writeFile(join(folder.path, 'later.json'), '{"version":2}')

  expect(await reapDeadRuns(folder.path)).toEqual({ killed: [], setAside: [] })

  expect((await readdir(folder.path)).sort()).toEqual(['later.json', 'r-1.json'])
  expect(pids.filter(isAlive)).toHaveLength(5)
})

test('what a reaper or writer that was killed itself left is finished later, not at once', async () => {
  await using folder = temporaryFolder()
  await using it = await supervising(folder.path)
  const { child, pids } = it
  child.kill('SIGKILL')
  await child.exited
  await rename(join(folder.path, 'r-1.json'), join(folder.path, 'r-1.json.4711.reaping'))
  await writeFile(join(folder.path, 'r-1.json.0123.tmp'), '{"vers')
  const later = () => Date.now() + 60_000

  const waiting = reapDeadRuns(folder.path)
  expect(await readdir(folder.path)).toHaveLength(2)
  const { killed } = await reapDeadRuns(folder.path, later)

  expect(killed.length).toBeGreaterThan(0)
  expect(await waiting).toEqual({ killed: [], setAside: [] })
  expect(await readdir(folder.path)).toEqual([])
  expect(pids.filter(isAlive)).toEqual([])
})

test('a folder that does not exist has nothing to reap', async () => {
  await using folder = temporaryFolder()
  expect(await reapDeadRuns(join(folder.path, 'missing'))).toEqual({ killed: [], setAside: [] })
  expect(await reapRun(join(folder.path, 'missing.json'))).toEqual({ killed: [], setAside: [] })
})
