import { messageOf, OpenworkError } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import type { Host } from './host.ts'

const REQUEST_MS = 10_000
const EVENT_WITHIN_MS = 10_000

export type CheckedHost = Pick<Host, 'plan' | 'owner'>

export type CheckStep = { name: string; ok: true; tookMs: number }

/**
 * Uses a running host as a remote client would: workspaces, config, router policy, an opencode session through the
 * proxy and, with `events`, its event stream. Sessions made here are deleted again.
 * @throws OpenworkError check_failed, naming the step
 */
export async function checkHost(
  host: CheckedHost,
  options: { events: boolean; readOnly: boolean },
): Promise<CheckStep[]> {
  const client = new CheckClient(host.plan.server.baseUrl)
  const collaborator = bearer(host.plan.server.token.reveal())
  const owner = bearer(host.owner.token.reveal())
  const steps: CheckStep[] = []
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    try {
      const result = await work()
      steps.push({ name, ok: true, tookMs: Math.round(performance.now() - startedAt) })
      return result
    } catch (error) {
      throw new OpenworkError('check_failed', `Check "${name}" failed: ${messageOf(error)}`, { cause: error })
    }
  }

  const id = await step('workspaces', async () => {
    const { items } = (await client.json('GET', '/workspaces', collaborator)) as {
      items: { id: string; path: string }[]
    }
    const { workspace, serves } = host.plan
    const ours = serves === 'one' ? items.find(({ path }) => path === workspace) : items[0]
    if (!ours) throw new Error(serves === 'one' ? `the server does not list ${workspace}` : 'it has no workspace')
    return encodeURIComponent(ours.id)
  })
  await step('config', () => client.json('GET', `/workspace/${id}/config`, collaborator))
  await step('router policy', () => checkRouterPolicy(client, id, collaborator, hostAuth(host)))
  const opencode = `/w/${id}/opencode`
  if (options.readOnly) {
    await step('read-only policy', () => checkReadOnly(client, opencode, owner))
    return steps
  }
  await step('opencode session', () =>
    withSession(client, opencode, owner, session =>
      client.json('GET', `${opencode}/session/${session}/message?limit=10`, owner),
    ),
  )
  if (options.events) await step('opencode events', () => checkEvents(client, opencode, owner))
  return steps
}

/** A router that is configured must refuse the client token on its settings and take the host token. */
async function checkRouterPolicy(client: CheckClient, id: string, collaborator: Auth, hostToken: Auth): Promise<void> {
  const router = `/w/${id}/opencode-router`
  const health = await client.status('GET', `${router}/health`, collaborator)
  if (health === 404) return // no router in this host
  if (health >= 500) throw new Error(`its health answers ${health}`)
  const refused = await client.status('GET', `${router}/config/groups`, collaborator)
  if (refused !== 401 && refused !== 403) throw new Error(`a client token reads its settings (${refused})`)
  const allowed = await client.status('GET', `${router}/config/groups`, hostToken)
  if (allowed === 401 || allowed === 403 || allowed >= 500) throw new Error(`the host token is refused (${allowed})`)
}

/** A read-only host shows its sessions and takes none. */
async function checkReadOnly(client: CheckClient, opencode: string, owner: Auth): Promise<void> {
  await client.json('GET', `${opencode}/session`, owner)
  const refused = await client.status('POST', `${opencode}/session`, owner)
  if (refused !== 403) throw new Error(`a session could be asked for (${refused})`)
}

/** Creating a session must be seen on the event stream by a client that listens. */
async function checkEvents(client: CheckClient, opencode: string, owner: Auth): Promise<void> {
  const stop = new AbortController()
  const limit = AbortSignal.any([stop.signal, AbortSignal.timeout(EVENT_WITHIN_MS)])
  try {
    const events = eventTypes(await client.stream(`${opencode}/event`, owner, limit))
    await events.next() // server.connected: from here on nothing is missed
    await withSession(client, opencode, owner, async () => {
      for (;;) {
        const { value, done } = await events.next()
        if (done) throw new Error('the event stream ended')
        if (value.startsWith('session.')) return
      }
    })
  } finally {
    stop.abort()
  }
}

async function withSession<T>(
  client: CheckClient,
  opencode: string,
  auth: Auth,
  use: (id: string) => Promise<T>,
): Promise<T> {
  const session = (await client.json('POST', `${opencode}/session`, auth, { title: 'openwork check' })) as {
    id: string
  }
  if (typeof session?.id !== 'string') throw new Error('opencode answered without a session id')
  try {
    return await use(encodeURIComponent(session.id))
  } finally {
    await client.status('DELETE', `${opencode}/session/${encodeURIComponent(session.id)}`, auth)
  }
}

/** The `type` of each event of an SSE stream of opencode. */
async function* eventTypes(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block.split('\n').find(line => line.startsWith('data:'))
      if (data) yield (JSON.parse(data.slice(5)) as { type?: string }).type ?? ''
    }
  }
}

type Auth = Readonly<Record<string, string>>

const bearer = (token: string): Auth => ({ authorization: `Bearer ${token}` })
const hostAuth = (host: CheckedHost): Auth => ({ 'x-openwork-host-token': host.plan.server.hostToken.reveal() })

/** Plain requests to the host under test; every one limited in time. */
class CheckClient {
  readonly #baseUrl: string

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl
  }

  async json(method: string, path: string, auth: Auth, body?: unknown): Promise<unknown> {
    const response = await this.#request(method, path, auth, body)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`)
    return JSON.parse(text)
  }

  async status(method: string, path: string, auth: Auth): Promise<number> {
    const response = await this.#request(method, path, auth)
    await response.body?.cancel()
    return response.status
  }

  async stream(path: string, auth: Auth, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await fetch(`${this.#baseUrl}${path}`, { headers: auth, signal, ...fetchRoute(this.#baseUrl) })
    if (!response.ok || !response.body) throw new Error(`GET ${path} answered ${response.status}`)
    return response.body
  }

  #request(method: string, path: string, auth: Auth, body?: unknown): Promise<Response> {
    return fetch(`${this.#baseUrl}${path}`, {
      method,
      headers: { ...auth, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS),
      ...fetchRoute(this.#baseUrl),
    })
  }
}
