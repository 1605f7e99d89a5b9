import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DaemonLock, findLockHolder, holderEnded } from '../../src/daemon/daemon-lock.ts'
import { startTimeOf } from '../../src/supervisor/process-identity.ts'
import { temporaryFolder } from '../supervisor/support.ts'
import { failureOf } from './failure-of.ts'

/** Another process that wants the lock. */
async function contender(path: string) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '..', 'fixtures', 'holds-daemon-lock.ts'), path], {
    stdin: 'pipe',
    stdout: 'pipe',
  })
  const reader = child.stdout.getReader()
  const said = new TextDecoder().decode((await reader.read()).value).trim()
  return {
    said,
    pid: child.pid,
    async end(signal?: NodeJS.Signals) {
      if (signal) child.kill(signal)
      else child.stdin.end()
      await child.exited
    },
  }
}

test('one process has it, for its owner to read alone, until it gives it back', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.lock')
  const lock = await DaemonLock.take(path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect((await findLockHolder(path))?.pid).toBe(process.pid)
  const second = await failureOf(DaemonLock.take(path))
  expect([second.code, second.exitCode]).toEqual(['daemon_already_running', 3])
  expect(second.details).toEqual({ pid: process.pid, startedAt: lock.startedAtMs })
  expect(second.message).toContain(String(process.pid))

  await lock.release()
  expect(await findLockHolder(path)).toBeUndefined()
  expect(readdirSync(folder.path)).toEqual([])
})

test('of many that want it at once one gets it, and the others hear whose it is', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.lock')
  const all = await Promise.all(Array.from({ length: 5 }, () => contender(path)))
  const holders = all.filter(({ said }) => said === 'held')
  expect(holders).toHaveLength(1)
  const [holder] = holders
  for (const { said } of all.filter(one => one !== holder))
    expect(said).toStartWith(`daemon_already_running {"pid":${holder?.pid},`)
  await Promise.all(all.map(one => one.end()))
  expect(readdirSync(folder.path)).toEqual([])
})

test('the lock of a killed process is taken over, by one of those that want it', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.lock')
  const first = await contender(path)
  expect(first.said).toBe('held')
  const holder = await findLockHolder(path)
  await first.end('SIGKILL')
  expect(existsSync(path)).toBe(true)
  expect(await findLockHolder(path)).toBeUndefined()
  expect(holder && (await holderEnded(path, holder, 5_000))).toBe(true)

  const all = await Promise.all(Array.from({ length: 4 }, () => contender(path)))
  expect(all.filter(({ said }) => said === 'held')).toHaveLength(1)
  await Promise.all(all.map(one => one.end()))
})

test('a pid that another process has meanwhile is not trusted', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.lock')
  const lock = await DaemonLock.take(path)
  const content = JSON.parse(readFileSync(path, 'utf8'))
  await lock.release()
  // This process lives, and began at another time than the one that wrote the file.
  writeFileSync(path, JSON.stringify({ ...content, startTime: `${await startTimeOf(process.pid)}0` }))
  expect(await findLockHolder(path)).toBeUndefined()
  await (await DaemonLock.take(path)).release()
})

test('giving back leaves a lock alone that another process has taken over', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.lock')
  const lock = await DaemonLock.take(path)
  const other = { ...JSON.parse(readFileSync(path, 'utf8')), nonce: 'other' }
  writeFileSync(path, JSON.stringify(other))
  await lock.release()
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(other)
})

test('what a process of another machine holds counts as long as that one shows life', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.lock')
  const lock = await DaemonLock.take(path)
  const elsewhere = { ...JSON.parse(readFileSync(path, 'utf8')), machine: 'elsewhere' }
  await lock.release()
  writeFileSync(path, JSON.stringify(elsewhere))
  const failure = await failureOf(DaemonLock.take(path))
  expect([failure.code, failure.hint]).toEqual(['daemon_already_running', expect.stringMatching(/known in (60|59) s/)])
  const longAgo = new Date(Date.now() - 3_600_000)
  utimesSync(path, longAgo, longAgo)
  await (await DaemonLock.take(path)).release()
})

test("a file that is no lock is nobody's", async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.lock')
  for (const content of ['', 'null', '{"pid":1}', '{"pid":-1}', 'x'.repeat(10_000)]) {
    writeFileSync(path, content)
    expect(await findLockHolder(path)).toBeUndefined()
    await (await DaemonLock.take(path)).release()
  }
})

test('a place that cannot be written to is said', async () => {
  await using folder = temporaryFolder()
  const file = join(folder.path, 'file')
  writeFileSync(file, '')
  expect((await failureOf(DaemonLock.take(join(file, 'daemon.lock')))).code).toBe('data_dir_unusable')
})
