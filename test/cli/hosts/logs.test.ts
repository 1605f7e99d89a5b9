// `openwork logs` of log files in a data dir; the host that is followed is this process, as far as its record goes.
import { expect, test } from 'bun:test'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logsFolder, runsFolder } from '../../../src/orchestrator/data-dir.ts'
import type { HostInfo } from '../../../src/orchestrator/host-info.ts'
import { openRunRecord } from '../../../src/supervisor/run-record.ts'
import { runCommand, startCommand } from '../commands/run-command.ts'

const LIMIT_MS = 20_000

function newDataDir() {
  const dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'openwork-logs-')))
  mkdirSync(logsFolder(dataDir))
  return {
    dataDir,
    env: { OPENWORK_DATA_DIR: dataDir },
    logOf: (runId: string) => join(logsFolder(dataDir), `${runId}.log`),
    [Symbol.dispose]: () => rmSync(dataDir, { recursive: true }),
  }
}

const record = (atMs: number, service: string, severityText: string, body: string): string =>
  `${JSON.stringify({
    timeUnixNano: `${atMs}000000`,
    severityText,
    body,
    attributes: { 'run.id': 'r', 'process.pid': 1, 'service.component': service },
    resource: { 'service.name': 'openwork-orchestrator' },
  })}\n`

const textsOf = (stdout: string): string[] => stdout.split('\n').map(line => line.replace(/^\S* ?\S* \[/, '['))

async function eventually(isTrue: () => boolean, what: () => string): Promise<void> {
  for (const endsAt = Date.now() + LIMIT_MS; !isTrue(); await Bun.sleep(10))
    if (Date.now() > endsAt) throw new Error(`waited too long: ${what()}`)
}

test('the log of a host that has ended is read across its files, and filtered', async () => {
  using at = newDataDir()
  const nowMs = Date.now()
  const path = at.logOf('3f2a9c1e-old')
  writeFileSync(`${path}.1`, record(nowMs - 7_200_000, 'openwork-orchestrator', 'INFO', 'starting'))
  writeFileSync(
    path,
    [
      record(nowMs - 60_000, 'opencode', 'WARN', 'careful'),
      'panic: not a record\n',
      record(nowMs - 1_000, 'openwork-orchestrator', 'INFO', 'stopped'),
    ].join(''),
  )
  writeFileSync(at.logOf('other'), record(nowMs, 'opencode', 'INFO', 'of the other one'))
  utimesSync(path, nowMs / 1_000 - 1, nowMs / 1_000 - 1)
  const shown = async (...args: string[]): Promise<string[]> => {
    const { code, stdout } = await runCommand(['logs', ...args], at.env)
    expect(code).toBe(0)
    return textsOf(stdout.trimEnd())
  }
  expect(await shown()).toEqual(['[opencode] of the other one']) // the last written
  const whole = [
    '[openwork-orchestrator] starting',
    '[opencode] WARN careful',
    '[openwork-orchestrator] ERROR panic: not a record',
    '[openwork-orchestrator] stopped',
  ]
  expect(await shown('3f2a')).toEqual(whole)
  expect(await shown('3f2a', '--tail', '3')).toEqual(whole.slice(1))
  expect(await shown('3f2a', '--since', '10m')).toEqual(whole.slice(1))
  expect(await shown('3f2a', '--level', 'warn')).toEqual(whole.slice(1, 3))
  expect(await shown('3f2a', '--service', 'opencode')).toEqual(whole.slice(1, 2))

  const json = await runCommand(['logs', '3f2a9c1e-old', '--json'], at.env)
  const bodies = json.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).body)
  expect(bodies).toEqual(['starting', 'careful', 'panic: not a record', 'stopped'])

  const none = await runCommand(['logs', '3f2a', '--service', 'opencod'], at.env)
  expect([none.code, none.stdout]).toEqual([0, ''])
  expect(none.stderr).toContain('opencode, openwork-orchestrator')
  const ended = await runCommand(['logs', '3f2a', '-f', '--tail', '1'], at.env)
  expect([ended.code, ended.stderr]).toEqual([0, 'That host had ended already\n'])
  expect(textsOf(ended.stdout.trimEnd())).toEqual(whole.slice(3))
  for (const [args, code, named] of [
    [['nobody'], 'log_not_found', 'nobody'],
    [['--since', 'yesterday'], 'invalid_value', '--since'],
  ] as const) {
    const { stdout } = await runCommand(['logs', ...args, '--json'], at.env)
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code, error: expect.stringContaining(named) })
  }
})

test('a host is followed across a rotation until it ends, and left as soon as nobody reads', async () => {
  using at = newDataDir()
  const path = at.logOf('living')
  const info: HostInfo = {
    workspace: at.dataDir,
    serves: 'one',
    control: { baseUrl: 'http://127.0.0.1:1', token: 'a-control-token' },
    openwork: { baseUrl: 'http://127.0.0.1:1', connectUrl: 'http://127.0.0.1:1' },
    opencode: { baseUrl: 'http://127.0.0.1:1', username: 'somebody', password: 'a-password' },
    logFile: path,
    isDetached: true,
  }
  const run = await openRunRecord(runsFolder(at.dataDir), { runId: 'living', info })
  writeFileSync(path, record(Date.now(), 'opencode', 'INFO', 'one'))
  const following = startCommand(['logs', '-f'], at.env)
  const left = startCommand(['logs', 'living', '-f', '--json'], at.env)
  const sees = (text: string) =>
    eventually(
      () => following.stdout().includes(text),
      () => following.stdout(),
    )
  await sees('one')
  appendFileSync(path, record(Date.now(), 'opencode', 'INFO', 'two'))
  renameSync(path, `${path}.1`)
  writeFileSync(path, record(Date.now(), 'opencode', 'INFO', 'three'))
  await sees('three')
  left.breakPipe()
  expect((await left.ended).code).toBe(0)
  appendFileSync(path, record(Date.now(), 'opencode', 'INFO', 'four').trimEnd()) // cut off
  await run.close()
  const { code, stdout, stderr } = await following.ended
  expect([code, stderr]).toEqual([0, 'The host has ended\n'])
  expect(textsOf(stdout.trimEnd())).toEqual(['one', 'two', 'three', 'four'].map(text => `[opencode] ${text}`))
})

test('of a host that has ended ps tells what its log begins with, also where that has been rotated', async () => {
  using at = newDataDir()
  const starting = (atMs: number, workspace: string): string =>
    `${JSON.stringify({
      timeUnixNano: `${atMs}000000`,
      severityText: 'INFO',
      body: 'starting',
      attributes: { 'service.component': 'openwork-orchestrator', version: '1', workspace },
      resource: { 'service.name': 'openwork-orchestrator' },
    })}\n`
  const path = at.logOf('3f2a9c1e-old')
  writeFileSync(`${path}.2`, starting(1_000, '/home/me/project'))
  writeFileSync(`${path}.1`, starting(2_000, '/not/the/first'))
  writeFileSync(path, 'no record\n')
  writeFileSync(at.logOf('empty'), '')

  const { stdout } = await runCommand(['ps', '--all', '--json'], at.env)
  const { hosts } = JSON.parse(stdout) as { hosts: { runId: string }[] }
  expect(hosts.sort((a, b) => a.runId.localeCompare(b.runId))).toMatchObject([
    { runId: '3f2a9c1e-old', state: 'ended', workspace: '/home/me/project', startedAt: 1_000, logFile: path },
    { runId: 'empty', state: 'ended', workspace: null, startedAt: null },
  ])
})
