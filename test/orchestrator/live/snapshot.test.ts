import { expect, test } from 'bun:test'
import type { HostSession } from '../../../src/api/host.ts'
import { hostSnapshot } from '../../../src/api/host.ts'
import { type Seen, snapshotOf } from '../../../src/orchestrator/live/snapshot.ts'
import type { ServiceSnapshot } from '../../../src/supervisor/service.ts'
import type { Supervisor } from '../../../src/supervisor/supervisor.ts'
import { watchedLog } from '../watched-log.ts'
import { observed, SECRETS } from './observed.ts'

const unseen: Seen = { approvals: null, sessions: null, usage: { of: () => undefined } }
const noSupervisor = { snapshot: () => [] } as unknown as Supervisor

const crashed: ServiceSnapshot = {
  name: 'opencode',
  state: 'backing-off',
  reason: `exit code 3, after ${SECRETS.password}`,
  restarts: 2,
  exit: { code: 3, signal: null },
  lastLines: ['what it said last'],
}
const session = (state: HostSession['state']): HostSession => ({
  id: 'ses_1',
  title: 'One',
  directory: '/project',
  state,
  updatedAt: 42,
})

test('a service that crashed is shown with why, when it is tried again, and what it is', () => {
  const { log } = watchedLog()
  log.redactor.add(SECRETS.password)
  const program = { name: 'opencode', source: 'bundled', path: '/bin/opencode' } as const
  const { host, life } = observed({
    run: noSupervisor,
    log,
    opencodeUrl: 'http://127.0.0.1:4096',
    services: () => [crashed],
    nextTryAt: () => 7_000,
    programs: () => [{ ...program, targetVersion: '1.18.33', actualVersion: undefined }],
    logFile: '/data/logs/run.log',
  })
  life.becomes('ready')
  const snapshot = hostSnapshot.parse(snapshotOf(host, unseen))
  expect(snapshot).toMatchObject({ health: 'degraded', logFile: '/data/logs/run.log', workspaces: [{ state: 'none' }] })
  expect(snapshot.services[1]).toEqual({
    name: 'opencode',
    state: 'backing-off',
    reason: 'exit code 3, after [REDACTED]',
    port: 4096,
    restarts: 2,
    nextTryAt: 7_000,
    exit: { code: 3, signal: null },
    version: '1.18.33',
    source: 'bundled',
  })
})

test.each([
  [null, 'unknown', undefined],
  [[], 'idle', undefined],
  [[session('idle')], 'idle', 42],
  [[session('waiting')], 'busy', 42],
] as const)('the one folder of a host with the sessions %j is %s', (sessions, state, lastUsedAt) => {
  const { log } = watchedLog()
  const up: ServiceSnapshot = { name: 'opencode', state: 'ready', pid: 1, restarts: 0, lastLines: [] }
  const { host } = observed({ run: noSupervisor, log, services: () => [up] })
  const [workspace] = snapshotOf(host, { ...unseen, sessions: sessions && [...sessions] }).workspaces
  expect([workspace?.state, workspace?.lastUsedAt]).toEqual([state, lastUsedAt])
})
