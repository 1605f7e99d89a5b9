import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { daemonFiles } from '../../src/daemon/daemon-files.ts'
import { DaemonLock } from '../../src/daemon/daemon-lock.ts'
import { openDaemonLog } from '../../src/daemon/daemon-log.ts'
import { findDaemon } from '../../src/daemon/find-daemon.ts'
import { KeptCredentials } from '../../src/daemon/remote-credentials.ts'
import { ensureToken, readToken } from '../../src/daemon/token-file.ts'
import { Redactor } from '../../src/shared/redact.ts'
import { secret } from '../../src/shared/secret.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { temporaryFolder } from '../supervisor/support.ts'
import { failureOf } from './failure-of.ts'

const modeOf = (path: string): number => statSync(path).mode & 0o777

test('the token is made once, for its owner alone; what is none is replaced', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'token')
  expect(await readToken(path)).toBeUndefined()
  const token = (await ensureToken(path)).reveal()
  expect([token.length, modeOf(path)]).toEqual([64, 0o600])
  chmodSync(path, 0o644)
  expect([(await ensureToken(path)).reveal(), modeOf(path)]).toEqual([token, 0o600])
  for (const content of ['', 'short', 'x'.repeat(5_000), token.toUpperCase()]) {
    writeFileSync(path, content)
    expect(await readToken(path)).toBeUndefined()
    expect((await ensureToken(path)).reveal()).not.toBe(token)
  }
  mkdirSync(join(folder.path, 'folder'))
  expect((await failureOf(ensureToken(join(folder.path, 'folder')))).code).toBe('data_dir_unusable')
  const pipe = join(folder.path, 'pipe')
  Bun.spawnSync(['mkfifo', pipe])
  expect((await failureOf(ensureToken(pipe))).code).toBe('data_dir_unusable')
})

test('a daemon is only found where the address is that of whoever holds the lock', async () => {
  await using folder = temporaryFolder()
  const files = daemonFiles(folder.path)
  mkdirSync(dirname(files.lock), { recursive: true })
  const token = await ensureToken(files.token)
  const write = (daemon: object | undefined): void =>
    writeFileSync(files.state, JSON.stringify({ version: 1, activeId: '', workspaces: [], daemon }))
  const address = { pid: process.pid, port: 1, baseUrl: 'http://127.0.0.1:1', startedAt: 1 }
  // What a killed daemon left, whose pid is ours now.
  write(address)
  expect(await findDaemon(folder.path)).toEqual({ state: 'none' })
  const lock = await DaemonLock.take(files.lock)
  expect(await findDaemon(folder.path)).toMatchObject({ state: 'starting', pid: process.pid })
  write(undefined)
  expect(await findDaemon(folder.path)).toMatchObject({ state: 'starting', pid: process.pid })
  write({ ...address, startedAt: lock.startedAtMs })
  expect(await findDaemon(folder.path)).toMatchObject({
    state: 'running',
    pid: process.pid,
    baseUrl: address.baseUrl,
    token,
  })
  await lock.release()
  expect(await findDaemon(folder.path)).toEqual({ state: 'none' })
})

test('credentials of remote workspaces that cannot be read are set aside, and said', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'credentials.json')
  writeFileSync(path, '{"ws-1":{"username":1}}')
  const { log, lines } = listeningLog()
  const kept = await KeptCredentials.open(path, log)
  expect([kept.of('ws-1'), lines.length, readFileSync(`${path}.broken`, 'utf8')]).toEqual([
    undefined,
    1,
    '{"ws-1":{"username":1}}',
  ])
  await kept.keep('ws-2', { username: secret('me'), password: secret('it') })
  expect((await KeptCredentials.open(path, log)).of('ws-2')?.password.reveal()).toBe('it')
})

test('the log file has records and no secret, and is for its owner alone', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'daemon.log')
  const redactor = new Redactor()
  redactor.add('hunter22')
  const options = { runId: 'r', verbose: false, env: {}, redactor }
  const first = openDaemonLog(path, options)
  first.log.info('it is hunter22', { at: 'hunter22' })
  first.log.debug('not asked for')
  first.close()
  const second = openDaemonLog(path, options)
  second.log.warn('and hunter22')
  second.flush()
  second.close()
  const records = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(records.map(line => JSON.parse(line))).toMatchObject([
    { severityText: 'INFO', body: 'it is [REDACTED]', attributes: { at: '[REDACTED]' } },
    { severityText: 'WARN', body: 'and [REDACTED]' },
  ])
  expect(modeOf(path)).toBe(0o600)
})
