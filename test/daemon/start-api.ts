import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonEvent, DaemonStatus, InstanceStatus, Lease } from '../../src/api/daemon.ts'
import { daemonClient } from '../../src/api/daemon-client.ts'
import { DaemonApi } from '../../src/daemon/daemon-api.ts'
import { KeptCredentials } from '../../src/daemon/remote-credentials.ts'
import { RemoteOpencodes } from '../../src/daemon/remote-opencode.ts'
import type { Services } from '../../src/daemon/services.ts'
import { StateFile } from '../../src/daemon/state-file.ts'
import { ensureToken } from '../../src/daemon/token-file.ts'
import { WorkspaceList } from '../../src/daemon/workspace-list.ts'
import { EventFeed } from '../../src/http/event-feed.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { Log } from '../../src/shared/log.ts'
import { Redactor } from '../../src/shared/redact.ts'
import { temporaryFolder } from '../supervisor/support.ts'

/** The API of a daemon whose opencode and openwork-server are told of, not there. `asked`: what they were asked. */
export async function startApi({
  cors = [],
  port,
  minimum = 'debug',
}: {
  cors?: string[]
  port?: number
  minimum?: 'debug' | 'info'
} = {}) {
  const folder = temporaryFolder()
  const root = realpathSync(folder.path)
  const lines: string[] = []
  const redactor = new Redactor()
  const log = new Log({
    format: 'pretty',
    color: false,
    runId: 'run',
    serviceName: 'test',
    serviceVersion: '0',
    minimum,
    redactor,
    write: line => lines.push(line),
  })
  const token = await ensureToken(join(root, 'token'))
  const state = await StateFile.open(join(root, 'state.json'), log)
  const credentials = await KeptCredentials.open(join(root, 'credentials.json'), log)
  const feed = new EventFeed<DaemonEvent>()
  const list = new WorkspaceList({
    state,
    credentials,
    log,
    publish: async () => {},
    onEvent: event => feed.publish(event),
  })
  const api = await DaemonApi.listen({ host: '127.0.0.1', port, formerPort: undefined, token, cors, log })
  const asked: string[] = []
  const services: Services = {
    list,
    feed,
    remotes: new RemoteOpencodes(credentials),
    instances: standInInstances(asked),
    opencode: {
      path: async directory => {
        asked.push(`path ${directory}`)
        return { home: '/h', state: '/s', config: '/c', worktree: '/', directory }
      },
    },
    opencodeReady: async () => {},
    look: async () => {},
    reloads: {
      reload: async (directory, { force }) => {
        asked.push(`reload ${directory} ${force}`)
        return {
          directory,
          cause: 'request',
          extent: 'instance',
          changes: [],
          after: { commands: 1, agents: 2, skills: 3 },
          at: 1,
          tookMs: 1,
        }
      },
    },
    published: async () => void asked.push('published'),
    secondOpencodes: async ({ path }) => (path.endsWith('served-twice') ? ['served by another one'] : []),
    status: async () => statusOf(list),
    shutDown: () => asked.push('shutDown'),
  }
  api.serve(services)
  return {
    api,
    asked,
    credentials,
    feed,
    lines,
    list,
    root,
    token,
    client: daemonClient({ baseUrl: api.baseUrl, token, timeoutMs: 10_000 }),
    /** A request with the token, and with what else is asked for. */
    call: (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`${api.baseUrl}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${token.reveal()}`, ...init.headers },
      }),
    newFolder(name: string): string {
      const path = join(root, name)
      mkdirSync(path)
      return path
    },
    async [Symbol.asyncDispose]() {
      await api.stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

const AT_WORK = { sessions: ['ses_1'], permissions: [], questions: [], terminals: [] }

function standInInstances(asked: string[]): Services['instances'] {
  const leases = new Map<string, Lease>()
  const leaseOf = (id: string): Lease => {
    const found = leases.get(id)
    if (found) return found
    throw new OpenworkError('lease_not_found', `No lease has the id ${id}`)
  }
  return {
    used: id => void asked.push(`used ${id}`),
    status: (workspaceId): InstanceStatus => ({
      workspaceId,
      state: 'busy',
      work: AT_WORK,
      listeners: 0,
      leases: [],
      evictions: 0,
    }),
    async requireFree(id, { force }) {
      asked.push(`requireFree ${id} ${force}`)
      return force ? AT_WORK : undefined
    },
    remove: async id => void asked.push(`remove ${id}`),
    async dispose(id, { force }) {
      asked.push(`dispose ${id} ${force}`)
      if (!force) throw new OpenworkError('workspace_busy', 'A session runs')
      return true
    },
    lease(workspaceId, { label, ttlMs }) {
      const lease = { id: `lease-${leases.size}`, workspaceId, label, expiresAt: ttlMs }
      leases.set(lease.id, lease)
      return lease
    },
    renewLease: (id, { ttlMs }) => ({ ...leaseOf(id), expiresAt: ttlMs }),
    releaseLease: id => void leases.delete(leaseOf(id).id),
  }
}

const statusOf = (list: WorkspaceList): DaemonStatus => ({
  ok: true,
  daemon: null,
  opencode: null,
  activeId: list.activeId,
  workspaceCount: list.size,
  cliVersion: null,
  sidecar: null,
  binaries: null,
  openwork: { baseUrl: 'http://127.0.0.1:1', connectUrl: 'http://127.0.0.1:1', state: 'ready' },
  engine: { state: 'ready', restarts: 0, isDraining: false },
  hotReload: { enabled: true, debounceMs: 1, cooldownMs: 1, deadlineMs: 1 },
  idleTimeoutMs: 0,
  instances: [],
})
