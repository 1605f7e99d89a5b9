// Sessions of the real opencode and approvals of a real openwork-server, as they come to whoever looks at a host.
import { expect, test } from 'bun:test'
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HostEvent, HostSnapshot } from '../../../src/api/host.ts'
import type { Reloads } from '../../../src/orchestrator/control-app.ts'
import { failureOf } from '../../daemon/failure-of.ts'
import { startModelProvider, workspaceConfig } from '../../fixtures/model-provider.ts'
import { startOpencode } from '../../fixtures/opencode.ts'
import { startChanging } from '../../server/changes.ts'
import { asClient } from '../../server/start-server.ts'
import { temporaryFolder } from '../../supervisor/support.ts'
import { hostControl } from './host-control.ts'
import { SECRETS } from './observed.ts'

/** The snapshot that is meant, as soon as it comes. */
async function snapshotWith(events: AsyncIterator<HostEvent>, isMeant: (snapshot: HostSnapshot) => boolean) {
  for (;;) {
    const { done, value } = await events.next()
    if (done) throw new Error('the events ended')
    if (value.event === 'snapshot' && isMeant(value.data)) return value.data
  }
}

const reloadsOf = (directory: string): Reloads => ({
  statuses: () => [],
  reload: () => Promise.reject(new Error('nobody asks for it')),
  directories: async () => [directory],
  heldWork: () => Promise.reject(new Error('nobody asks for it')),
})

test('a session is busy, waits for an answer, and is idle again, as it is seen', async () => {
  await using folder = temporaryFolder()
  const workspace = join(realpathSync(folder.path), 'project')
  mkdirSync(workspace)
  await using opencode = await startOpencode({
    workspace,
    home: folder.path,
    env: { OPENCODE_SERVER_USERNAME: SECRETS.username, OPENCODE_SERVER_PASSWORD: SECRETS.password },
  })
  const model = startModelProvider({
    held: true,
    reply: messages =>
      messages.some(({ role }) => role === 'tool')
        ? 'It was done.'
        : { tool: 'bash', arguments: { command: 'echo forty-two', description: 'Says the answer' } },
  })
  const config = { ...workspaceConfig(model.url), permission: { bash: 'ask' } }
  writeFileSync(join(workspace, 'opencode.json'), JSON.stringify(config))
  const reloads = reloadsOf(workspace)
  await using it = await hostControl([], { workspace, opencodeUrl: opencode.url, reloads: () => reloads })
  it.life.becomes('ready')
  const events = it.client.events({ logs: 0, signal: AbortSignal.timeout(60_000) })[Symbol.asyncIterator]()
  await snapshotWith(events, ({ sessions }) => sessions?.length === 0)

  const authorization = `Basic ${btoa(`${SECRETS.username}:${SECRETS.password}`)}`
  const ask = async (path: string, body?: object, hangUp?: AbortSignal) => {
    const response = await fetch(`${opencode.url}${path}?directory=${encodeURIComponent(workspace)}`, {
      headers: { authorization, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      signal: AbortSignal.any([AbortSignal.timeout(60_000), ...(hangUp ? [hangUp] : [])]),
    })
    return (await response.json()) as { id: string } & { id: string }[]
  }
  const { id } = await ask('/session', { title: 'The answer' })
  const created = await snapshotWith(events, ({ sessions }) => sessions?.length === 1)
  expect(created.sessions).toEqual([
    { id, title: 'The answer', directory: workspace, state: 'idle', updatedAt: expect.any(Number) },
  ])
  expect(created.workspaces[0]?.lastUsedAt).toBe(created.sessions?.[0]?.updatedAt ?? 0)

  const hangsUp = new AbortController()
  const message = { parts: [{ type: 'text', text: 'What is the answer?' }] }
  const cut = ask(`/session/${id}/message`, message, hangsUp.signal).catch(error => String(error))
  await snapshotWith(events, ({ sessions }) => sessions?.[0]?.state === 'busy')
  // As openwork-server does for its clients when it is restarted: the turn goes on.
  hangsUp.abort()
  expect(await cut).toContain('abort')
  model.release()
  await snapshotWith(events, ({ sessions }) => sessions?.[0]?.state === 'waiting')
  const [permission] = await ask('/permission')
  await ask(`/permission/${permission?.id}/reply`, { reply: 'once' })
  const done = await snapshotWith(events, ({ sessions }) => sessions?.[0]?.state === 'idle')
  expect(done.sessions?.map(session => session.id)).toEqual([id])
  await model.stop()
}, 90_000)

test('an approval is shown, answered, and gone; a pairing code opens', async () => {
  await using server = await startChanging({ env: { OPENWORK_HOST_TOKEN: SECRETS.hostToken } })
  await using it = await hostControl([], { serverUrl: server.url })
  const events = it.client.events({ logs: 0, signal: AbortSignal.timeout(20_000) })[Symbol.asyncIterator]()
  await snapshotWith(events, ({ approvals }) => approvals?.length === 0)

  const answer = server.change('a.txt', asClient)
  const { approvals } = await snapshotWith(events, found => found.approvals?.length === 1)
  const [request] = approvals ?? []
  expect(request).toMatchObject({ summary: 'Write a.txt', expiresAt: expect.any(Number) })
  await it.client.replyApproval(request?.id ?? '', 'allow')
  await snapshotWith(events, found => found.approvals?.length === 0)
  expect((await answer).status).toBe(200)
  expect((await failureOf(it.client.replyApproval(request?.id ?? '', 'deny'))).code).toBe('approval_not_found')

  const { url, code, expiresAt } = await it.client.openPairing()
  expect(url).toBe(`${server.url}/#pair=${code}`)
  expect(expiresAt).toBeGreaterThan(Date.now())
}, 60_000)
