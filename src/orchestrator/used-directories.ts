import { workspaceActivity } from '../api/control.ts'
import { PROBE_USER_AGENT } from '../api/health.ts'
import { type OpencodeEvent, opencodeClient } from '../api/opencode-client.ts'
import { openworkClient } from '../api/openwork-client.ts'
import { askServer } from '../api/request.ts'
import { OPENCODE } from '../services/opencode.ts'
import type { Log } from '../shared/log.ts'
import type { Host } from './host.ts'
import { followEvents, usedIn } from './opencode-events.ts'
import type { HostPlan } from './plan.ts'

const ASK_LIMIT_MS = 5_000
/** Who uses more is not kept in mind. */
const MAX_HEARD = 1_000

/** Folders that a host's opencode is used in, beside the host's own: what is at work there is not to be ended unseen. */
export class UsedDirectories {
  readonly #host: Host
  readonly #heard = new Set<string>()
  readonly #closed = new AbortController()
  readonly #following: Promise<void>

  /** The host is ready. From now on opencode's events are listened to, until `close()`. */
  constructor(host: Host, log: Log) {
    this.#host = host
    this.#following = followEvents(
      opencodeClient(host.plan.opencode),
      event => this.#hear(event),
      log,
      this.#closed.signal,
    )
    host.listen(event => {
      if (event.type === 'state' && event.service === OPENCODE && event.state === 'starting') this.#heard.clear()
    })
  }

  /** @throws OpenworkError as `OpenworkClient` does */
  async all(): Promise<string[]> {
    return [...new Set([...this.#heard, ...(await askedFor(this.#host.plan))])]
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#following
  }

  /** Clients that talk to opencode itself are seen by this alone. */
  #hear(event: OpencodeEvent): void {
    const { type, properties } = event
    const directory = usedIn(event)
    if (type === 'server.instance.disposed') this.#heard.delete(String(properties.directory))
    else if (directory !== undefined && this.#heard.size < MAX_HEARD) this.#heard.add(directory)
  }
}

/** Those of openwork-server's clients, in this life of it: they may only have been read in yet, of which no event tells. */
async function askedFor({ server, opencode }: HostPlan): Promise<string[]> {
  const { baseUrl, hostToken } = server
  const options = { baseUrl, hostToken, userAgent: PROBE_USER_AGENT, timeoutMs: ASK_LIMIT_MS }
  const [{ items: workspaces }, { items: activities }] = await Promise.all([
    openworkClient(options).workspaces(),
    askServer(options, { method: 'GET', path: '/workspaces/activity' }, workspaceActivity),
  ])
  const used = new Set(activities.filter(({ lastRequestAt }) => lastRequestAt !== null).map(each => each.workspaceId))
  return workspaces
    .filter(({ id, opencode: own }) => used.has(id) && own?.baseUrl === opencode.baseUrl)
    .flatMap(({ path, opencode: own }) => own?.directory ?? (path || []))
}
