import { HostLife } from '../../../src/orchestrator/live/host-life.ts'
import { LogRing } from '../../../src/orchestrator/live/log-ring.ts'
import type { ObservedHost } from '../../../src/orchestrator/live/observed-host.ts'
import type { Log } from '../../../src/shared/log.ts'
import { secret } from '../../../src/shared/secret.ts'
import type { SupervisorEvent } from '../../../src/supervisor/service.ts'
import type { Supervisor } from '../../../src/supervisor/supervisor.ts'

export const SECRETS = {
  username: 'opencode-user-name-of-the-test',
  password: 'opencode-password-of-the-test',
  token: 'client-token-of-the-test',
  hostToken: 'host-token-of-the-test',
  ownerToken: 'owner-token-of-the-test',
} as const

type Around = {
  run: Supervisor
  log: Log
  workspace?: string
  opencodeUrl?: string
  serverUrl?: string
} & Partial<Omit<ObservedHost, 'plan' | 'life' | 'records' | 'listen'>>

/** A host of services under a supervisor, as it is watched; `tell` is given what happens to them. */
export function observed(around: Around) {
  const { run, log, workspace = '/project', opencodeUrl = 'http://127.0.0.1:1', serverUrl = opencodeUrl } = around
  const listeners = new Set<(event: SupervisorEvent) => void>()
  const records = new LogRing()
  log.tap((record, text) => records.add(record, text))
  let releases = 0
  const life = new HostLife({
    isDetached: false,
    async onReleased() {
      releases += 1
    },
  })
  const host: ObservedHost = {
    plan: {
      runId: 'run',
      workspace,
      serves: 'one',
      opencode: {
        baseUrl: opencodeUrl,
        host: '127.0.0.1',
        port: Number(new URL(opencodeUrl).port),
        username: secret(SECRETS.username),
        password: secret(SECRETS.password),
      },
      server: {
        baseUrl: serverUrl,
        connectUrl: serverUrl,
        bindHost: '127.0.0.1',
        port: Number(new URL(serverUrl).port),
        token: secret(SECRETS.token),
        hostToken: secret(SECRETS.hostToken),
        alternatives: [],
        isRemote: false,
        approvalMode: 'manual',
        readOnly: false,
      },
      attachCommand: 'openwork attach run',
      specs: [],
    },
    startedAtMs: 1_000,
    logFile: undefined,
    life,
    records,
    notices: { texts: ['port 8787 is in use'] },
    services: () => run.snapshot(),
    nextTryAt: () => undefined,
    programs: () => [],
    verified: () => undefined,
    reloads: () => undefined,
    workspaces: undefined,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    restart: service => run.restart(service),
    ...around,
  }
  return {
    host,
    life,
    records,
    releases: () => releases,
    tell: (event: SupervisorEvent): void => {
      for (const listener of listeners) listener(event)
    },
  }
}
