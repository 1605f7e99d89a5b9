import { expect, test } from 'bun:test'
import { approvalList } from '../../../src/api/approvals.ts'
import { startChanging } from '../../server/changes.ts'
import { asClient, temporaryFolder } from '../../server/start-server.ts'
import { hostEnv, runCommand, startCommand } from './run-command.ts'

type Server = Awaited<ReturnType<typeof startChanging>>

/** What the command lists, as soon as something waits. */
async function listed(server: Server) {
  for (;;) {
    const { code, stdout } = await runCommand(['approvals', 'list'], hostEnv(server))
    const { items } = approvalList.parse(JSON.parse(stdout))
    expect(code).toBe(0)
    if (items.length > 0) return items
  }
}

test('what waits is listed as the server tells it, and answered', async () => {
  await using server = await startChanging()
  const env = hostEnv(server)
  for (const [flag, status] of [
    ['--allow', 200],
    ['--deny', 403],
  ] as const) {
    const answer = server.change('a.txt', asClient)
    const [request] = await listed(server)
    expect(request).toMatchObject({
      action: 'workspace.file.write',
      summary: 'Write a.txt',
      workspaceId: server.workspaceId,
    })
    const { code, stdout } = await runCommand(['approvals', 'reply', request?.id ?? '', flag], env)
    expect([code, JSON.parse(stdout)]).toEqual([0, { ok: true, allowed: flag === '--allow' }])
    expect((await answer).status).toBe(status)
  }
  const { stdout } = await runCommand(['approvals', 'list', '--json'], env)
  expect(JSON.parse(stdout)).toEqual({ items: [] })
})

test('a server of the published protocol is understood, and printed as it answers', async () => {
  const item = { id: 'i', workspaceId: 'w', action: 'skills.upsert', summary: 's', paths: ['/x'], createdAt: 1 }
  const list = { items: [{ ...item, actor: { type: 'remote' } }] }
  const replied = { ok: true, allowed: true, future: 2 }
  using server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: ({ method }) => Response.json(method === 'GET' ? list : replied),
  })
  const env = { OPENWORK_URL: server.url.origin, OPENWORK_HOST_TOKEN: 'h' }

  const listed = await runCommand(['approvals', 'list'], env)
  expect([listed.code, JSON.parse(listed.stdout)]).toEqual([0, list])
  const answered = await runCommand(['approvals', 'reply', 'i', '--allow'], env)
  expect([answered.code, JSON.parse(answered.stdout)]).toEqual([0, replied])
})

test('an answer needs one of two flags, and an id that waits', async () => {
  await using server = await startChanging()
  for (const flags of [[], ['--allow', '--deny']]) {
    const { code, stderr } = await runCommand(['approvals', 'reply', '1', ...flags], hostEnv(server))
    expect([code, stderr]).toEqual([2, expect.stringContaining('Exactly one of --allow and --deny')])
  }
  for (const id of ['unknown', '../tokens', 'a/b?c#d']) {
    const { code, stdout } = await runCommand(['approvals', 'reply', id, '--deny', '--json'], hostEnv(server))
    expect([code, JSON.parse(stdout).code]).toEqual([1, 'approval_not_found'])
  }
})

test('a wrong token, no token and no server each say what to do', async () => {
  await using server = await startChanging()
  const fail = async (env: Record<string, string>) => {
    const { code, stdout } = await runCommand(['approvals', 'list', '--json'], env)
    return [code, JSON.parse(stdout).code]
  }
  const { OPENWORK_HOST_TOKEN: _token, ...tokenless } = hostEnv(server)
  expect(await fail({ ...hostEnv(server), OPENWORK_HOST_TOKEN: 'wrong' })).toEqual([1, 'unauthorized'])
  expect(await fail(tokenless)).toEqual([2, 'missing_flag'])
  await server.stop()
  expect(await fail(hostEnv(server))).toEqual([1, 'server_unreachable'])
  await using folder = await temporaryFolder()
  expect(await fail({ OPENWORK_DATA_DIR: folder.path })).toEqual([1, 'no_running_host'])
})

test('watching tells what waits, what comes and what becomes of it, until the server ends', async () => {
  await using server = await startChanging()
  const early = server.change('early\n\u001b[2J.txt', asClient)
  const [first] = await listed(server)
  const [lines, json] = [[], ['--json']].map(flags =>
    startCommand(['approvals', 'list', '--watch', ...flags], hostEnv(server)),
  )
  for (const command of [lines, json]) while (!command?.stdout().includes(first?.id ?? '')) await Bun.sleep(5)
  const late = server.change('late.txt', asClient)
  while ((await listed(server)).length < 2);
  const second = (await listed(server))[1]?.id
  await runCommand(['approvals', 'reply', first?.id ?? '', '--deny'], hostEnv(server))
  await early
  for (const command of [lines, json]) while (!/denied/.test(command?.stdout() ?? '')) await Bun.sleep(5)
  await server.stop()
  await late

  const text = await lines?.ended
  // That the last one is denied now goes without saying.
  expect(text?.stdout.split('\n')).toEqual([
    `waits    ${first?.id}  workspace.file.write  Write early .txt`,
    `waits    ${second}  workspace.file.write  Write late.txt`,
    `denied   ${first?.id}`,
    '',
  ])
  expect([text?.code, text?.stderr]).toEqual([1, expect.stringContaining('the server ended the stream')])
  const events = (await json?.ended)?.stdout.trimEnd().split('\n')
  expect(
    events?.map(line => JSON.parse(line)).map(({ event, data }) => [event, data.items?.[0].id ?? data.id]),
  ).toEqual([
    ['snapshot', first?.id],
    ['added', second],
    ['resolved', first?.id],
  ])
})

test('watching ends when nobody reads its lines any more', async () => {
  await using server = await startChanging()
  const command = startCommand(['approvals', 'list', '--watch', '--json'], hostEnv(server))
  while (!command.stdout().includes('snapshot')) await Bun.sleep(5)
  command.breakPipe()
  expect((await command.ended).code).toBe(0)
})
