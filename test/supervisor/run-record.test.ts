import { expect, test } from 'bun:test'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listRuns, openRunRecord } from '../../src/supervisor/run-record.ts'
import { fixture, isAlive, service, supervised, temporaryFolder } from './support.ts'

const RUN = { runId: 'r-1', info: { url: 'http://127.0.0.1:1' } }

test('a run is on disk before anything is started, readable by nobody else', async () => {
  await using folder = temporaryFolder()
  const dir = join(folder.path, 'runs')
  await mkdir(dir, { mode: 0o755 })

  const record = await openRunRecord(dir, RUN)

  expect(record.path).toBe(join(dir, 'r-1.json'))
  expect((await stat(record.path)).mode & 0o777).toBe(0o600)
  expect((await stat(dir)).mode & 0o777).toBe(0o700)
  const [run] = await listRuns(dir)
  expect(run).toMatchObject({ ...RUN, alive: true, owner: { pid: process.pid }, processes: [] })
  await record.close()
  await record.close()
  expect(await readdir(dir)).toEqual([])
})

test('every process is in it as long as it runs, and the file stays private', async () => {
  await using folder = temporaryFolder()
  const record = await openRunRecord(folder.path, RUN)
  await using it = supervised(
    [
      service('stubborn', { argv: fixture('ignores-sigterm'), stop: { signal: 'SIGKILL', graceMs: 1_000 } }),
      service('once', { argv: fixture('prints-and-exits') }),
    ],
    { record },
  )
  const { pid = 0 } = await it.run.reaches('stubborn', 'ready')
  await it.run.reaches('once', 'exited')

  const [run] = await listRuns(folder.path)
  expect(run?.processes).toEqual([
    {
      service: 'stubborn',
      pid,
      group: pid,
      startTime: expect.any(String),
      marker: `${record.nonce}:stubborn:1`,
    },
  ])
  expect((await stat(record.path)).mode & 0o777).toBe(0o600)

  await it.run.stop()
  expect((await listRuns(folder.path))[0]?.processes).toEqual([])
  await record.close()
  expect(await readdir(folder.path)).toEqual([])
})

test('changes made at once are all kept, and none is written after the end', async () => {
  await using folder = temporaryFolder()
  const record = await openRunRecord(folder.path, RUN)
  const note = (pid: number) => record.noteSpawn({ service: `s${pid}`, pid, group: pid, marker: '' })
  await Promise.all([note(100_001), note(100_002), record.updateInfo('new'), record.noteExit(100_001), note(100_003)])

  const { info, processes } = JSON.parse(await readFile(record.path, 'utf8'))
  expect({ info, pids: processes.map(({ pid }: { pid: number }) => pid) }).toEqual({
    info: 'new',
    pids: [100_002, 100_003],
  })

  const late = [record.updateInfo('late'), record.close(), record.updateInfo('later')]
  await Promise.all(late)
  expect(await readdir(folder.path)).toEqual([])
})

test('a run id that is taken is refused, and one that is no file name still works', async () => {
  await using folder = temporaryFolder()
  const first = await openRunRecord(folder.path, RUN)
  const second = await openRunRecord(folder.path, RUN).catch(error => error)
  expect(second).toMatchObject({ code: 'run_id_in_use', details: { runId: 'r-1' } })

  const odd = ['../../etc/passwd', '.hidden', 'a b\n', 'x'.repeat(5_000), '']
  const records = []
  for (const runId of odd) records.push(await openRunRecord(folder.path, { runId }))

  expect((await listRuns(folder.path)).map(({ runId }) => runId).sort()).toEqual(['r-1', ...odd].sort())
  for (const record of [first, ...records]) await record.close()
  expect(await readdir(folder.path)).toEqual([])
})

test('a record that cannot be written any more does not stop a service, and is told', async () => {
  await using folder = temporaryFolder()
  const dir = join(folder.path, 'runs')
  const record = await openRunRecord(dir, RUN)
  await Bun.$`rm -rf ${dir}`
  await writeFile(dir, 'a file where the folder was')
  await using it = supervised(
    [service('stubborn', { argv: fixture('ignores-sigterm'), stop: { signal: 'SIGKILL', graceMs: 1_000 } })],
    { record },
  )

  const { pid = 0 } = await it.run.reaches('stubborn', 'ready')

  expect(isAlive(pid)).toBe(true)
  const warnings = it.events.all.filter(event => event.type === 'warning')
  expect(warnings).toMatchObject([{ service: 'stubborn', message: expect.stringContaining('ENOTDIR') }])
})

test('listing leaves out what cannot be read as a run', async () => {
  await using folder = temporaryFolder()
  await writeFile(join(folder.path, 'broken.json'), '{"version":')
  await writeFile(join(folder.path, 'other.json'), '{"version":2}')
  expect(await listRuns(folder.path)).toEqual([])
  expect(await listRuns(join(folder.path, 'missing'))).toEqual([])
  await chmod(folder.path, 0o700)
})
