import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type ApprovalRequest, approvalList } from '../../src/api/approvals.ts'
import { auditList } from '../../src/api/audit.ts'
import { eventually, newWorld, OPENWORK, type RunningHost, type World } from './harness.ts'

/** A change that asks, by the client token: whoever asks is no owner. */
async function changeConfig(host: RunningHost, keys: Record<string, unknown>): Promise<Response> {
  const { items } = (await (await host.request('/workspaces')).json()) as { items: { id: string }[] }
  return host.request(`/workspace/${items[0]?.id}/config`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${host.document.openwork.token}` },
    body: JSON.stringify({ openwork: keys }),
  })
}

/** What `openwork approvals list` shows, as soon as it shows something. */
async function listed(world: World): Promise<ApprovalRequest[]> {
  for (;;) {
    const { code, stdout, stderr } = await world.run(['approvals', 'list'])
    expect([code, stderr]).toEqual([0, ''])
    const { items } = approvalList.parse(JSON.parse(stdout))
    if (items.length > 0) return items
  }
}

/** Runs a command in a terminal, where each question is answered with its keys, and resolves to its exit code. */
async function answering(world: World, args: readonly string[], answers: readonly (readonly [string, string])[]) {
  const decoder = new TextDecoder()
  let shown = ''
  const command = Bun.spawn([OPENWORK, ...args], {
    cwd: world.workspace,
    env: { ...world.env, TERM: 'xterm' },
    terminal: {
      data: (_, bytes) => {
        shown += decoder.decode(bytes, { stream: true })
      },
    },
  })
  for (const [question, keys] of answers) {
    await eventually(`the question ${question}`, () => shown.includes(question))
    command.terminal?.write(keys)
  }
  const code = await command.exited
  command.terminal?.close()
  return { code, shown }
}

test('a change of a client waits until it is answered on the command line', async () => {
  await using world = await newWorld()
  const host = await world.serve()
  const config = join(world.workspace, '.opencode', 'openwork.json')

  const allowed = changeConfig(host, { theme: 'dark' })
  const [first] = await listed(world)
  expect(first).toMatchObject({
    action: 'config.patch',
    paths: [config],
    actor: { type: 'remote', scope: 'collaborator' },
  })
  const reply = await world.run(['approvals', 'reply', first?.id ?? '', '--allow'])
  expect([reply.code, JSON.parse(reply.stdout)]).toEqual([0, { ok: true, allowed: true }])
  expect((await allowed).status).toBe(200)
  expect(JSON.parse(readFileSync(config, 'utf8'))).toMatchObject({ theme: 'dark' })

  const denied = changeConfig(host, { theme: 'light' })
  const [second] = await listed(world)
  // In a terminal it need not be named: what waits is shown to choose from.
  const answered = await answering(
    world,
    ['approvals', 'reply'],
    [
      ['Which change?', '\r'],
      ['What is to become of it?', '\r'],
    ],
  )
  expect(answered).toMatchObject({ code: 0, shown: expect.stringContaining(second?.summary ?? '') })
  const response = await denied
  expect([response.status, await response.json()]).toEqual([
    403,
    expect.objectContaining({ code: 'write_denied', details: { requestId: second?.id, reason: 'denied' } }),
  ])
  expect(JSON.parse(readFileSync(config, 'utf8'))).toMatchObject({ theme: 'dark' })

  const again = await world.run(['approvals', 'reply', second?.id ?? '', '--allow', '--json'])
  expect([again.code, JSON.parse(again.stdout)]).toEqual([1, expect.objectContaining({ code: 'approval_not_found' })])

  const audit = await host.request(`/workspace/${first?.workspaceId}/audit`)
  expect(auditList.parse(await audit.json()).items.map(({ action }) => action)).toEqual([
    'approval.denied',
    'config.patch',
    'approval.allowed',
  ])
  const state = join(world.dataDir, 'workspaces', readdirSync(join(world.dataDir, 'workspaces'))[0] ?? '')
  const journal = join(state, 'openwork-server', 'audit', `${first?.workspaceId}.jsonl`)
  expect(statSync(journal).mode & 0o777).toBe(0o600)
  expect((await host.stop()).code).toBe(0)
})

test('watching shows each change as it comes, and ends with an interrupt', async () => {
  await using world = await newWorld()
  const host = await world.serve()
  const watch = world.start(['approvals', 'list', '--watch', '--json'])
  await watch.prints(/^\{"event":"snapshot","data":\{"items":\[\]\}\}\n/)
  const change = changeConfig(host, { theme: 'dark' })
  const [, id = ''] = await watch.prints(/^\{"event":"added","data":\{.*?"id":"([^"]+)"/m)
  expect((await world.run(['approvals', 'reply', id, '--allow'])).code).toBe(0)
  await watch.prints(new RegExp(`^\\{"event":"resolved","data":\\{"id":"${id}".*"outcome":"allowed"`, 'm'))
  expect((await change).status).toBe(200)
  watch.signal('SIGINT')
  expect(await watch.exited).toMatchObject({ signal: 'SIGINT', stderr: 'Nothing waits.\n' })
})

test('with several hosts the one that is meant has to be named', async () => {
  await using world = await newWorld()
  const [first] = [await world.serve(), await world.serve()]
  const unnamed = await world.run(['approvals', 'list', '--json'])
  expect([unnamed.code, JSON.parse(unnamed.stdout).code]).toEqual([2, 'several_running_hosts'])
  const { baseUrl, hostToken } = first.document.openwork
  const named = await world.run(['approvals', 'list', '--openwork-url', baseUrl])
  expect([named.code, JSON.parse(named.stdout)]).toEqual([0, { items: [] }])
  // A URL that this machine knows nothing of needs a token.
  const elsewhere = baseUrl.replace('127.0.0.1', '127.1.2.3')
  const tokenless = await world.run(['approvals', 'list', '--openwork-url', elsewhere])
  expect([tokenless.code, tokenless.stderr]).toEqual([2, expect.stringContaining('--host-token')])
  const env = { OPENWORK_HOST_TOKEN: hostToken }
  expect((await world.run(['approvals', 'list', '--openwork-url', baseUrl], { env })).code).toBe(0)
})

test('a host that stops denies what waits', async () => {
  await using world = await newWorld()
  const host = await world.serve()
  const change = changeConfig(host, { theme: 'dark' })
  await listed(world)
  expect((await host.stop()).code).toBe(0)
  expect((await change).status).toBe(403)
})
