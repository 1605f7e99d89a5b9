import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ReloadEvent, reloadEventList } from '../../src/api/reload.ts'
import { type RuntimeVersions, runtimeVersions } from '../../src/api/runtime.ts'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { eventually, newWorld, type RunningHost } from './harness.ts'

const workspaceOf = async (host: RunningHost): Promise<string> => {
  const { items } = (await (await host.request('/workspaces')).json()) as { items: { id: string }[] }
  return items[0]?.id ?? ''
}

const post = (host: RunningHost, path: string, body: unknown = {}): Promise<Response> =>
  host.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

test('a command that is added is told, and after a reload opencode has it', async () => {
  await using world = await newWorld()
  const host = await world.serve(['--no-opencode-hot-reload'])
  const id = await workspaceOf(host)
  const events = async (): Promise<ReloadEvent[]> =>
    reloadEventList.parse(await (await host.request(`/workspace/${id}/events`)).json()).items
  const commands = async (): Promise<string[]> =>
    ((await (await host.request(`/w/${id}/opencode/command`)).json()) as { name: string }[]).map(({ name }) => name)
  expect(await commands()).not.toContain('greet')
  expect(await events()).toEqual([])

  const path = join(world.workspace, '.opencode', 'commands', 'greet.md')
  await mkdir(join(world.workspace, '.opencode', 'commands'), { recursive: true })
  await writeFile(path, '---\ndescription: Say hello\nmodel: null\n---\nSay hello.\n')

  await eventually('the reload event', async () => (await events()).length > 0)
  expect(await events()).toMatchObject([
    { reason: 'commands', trigger: { type: 'command', name: 'greet', action: 'added', path } },
  ])
  expect(await Bun.file(path).text()).toBe('---\ndescription: Say hello\n---\nSay hello.\n')
  expect(await commands()).not.toContain('greet')
  expect(await (await post(host, `/workspace/${id}/engine/reload`)).json()).toMatchObject({ ok: true })
  expect(await commands()).toContain('greet')
})

test('the services of a host can be renewed by its owner, and clients go on as before', async () => {
  await using world = await newWorld()
  const host = await world.serve()
  const versions = async (): Promise<RuntimeVersions> =>
    runtimeVersions.parse(await (await host.request('/runtime/versions')).json())
  const before = await versions()
  expect(before).toMatchObject({
    orchestrator: { version: host.document.diagnostics.cliVersion },
    worker: { workspace: world.workspace, sandboxMode: 'none' },
    upgrade: { status: 'idle', operationId: null },
    services: [
      { name: 'opencode', enabled: true, running: true, source: 'bundled', upgradeAvailable: false },
      { name: 'opencode-router', enabled: false, running: false, upgradeAvailable: false },
      { name: 'openwork-server', enabled: true, running: true, upgradeAvailable: false },
    ],
  })
  const pids = world.processes().map(({ pid }) => pid)

  const response = await post(host, '/runtime/upgrade')

  expect(response.status).toBe(202)
  expect(await response.json()).toMatchObject({ ok: true, started: true, services: ['opencode', 'openwork-server'] })
  await eventually('the end of the upgrade', async () => {
    // The server itself is away for a moment.
    const answer = await host.request('/runtime/versions').catch(() => undefined)
    return answer?.ok === true && runtimeVersions.parse(await answer.json()).upgrade.finishedAt !== null
  })
  expect((await versions()).upgrade).toMatchObject({ status: 'idle', error: null })
  expect((await host.request('/opencode/session')).status).toBe(200)
  const renewed = world.processes().filter(({ pid }) => !pids.includes(pid) && pid !== host.pid)
  expect(renewed.length).toBeGreaterThanOrEqual(2)
  expect(await host.stop()).toMatchObject({ code: 0 })
  expect(world.processes()).toEqual([])
})

test('a folder that is added as a workspace answers prompts, also where its plugins cannot be fetched', async () => {
  await using model = startModelProvider({ reply: 'Tulips.' })
  await using world = await newWorld()
  const host = await world.serve(['--approval', 'auto'])
  const created = await post(host, '/workspaces/local', { folderPath: join(world.home, 'garden'), name: 'Garden' })
  expect(created.status).toBe(201)
  const { activeId } = (await created.json()) as { activeId: string }
  const opencode = workspaceConfig(model.url)
  const patched = await host.request(`/workspace/${activeId}/config`, {
    method: 'PATCH',
    body: JSON.stringify({ opencode }),
  })
  expect(patched.status).toBe(200)
  const namesOf = async (path: string): Promise<string[]> =>
    ((await (await host.request(`/w/${activeId}/opencode${path}`)).json()) as { name: string }[]).map(
      ({ name }) => name,
    )

  expect(await namesOf('/command')).toEqual(
    expect.arrayContaining(['get-started', 'learn-files', 'learn-plugins', 'learn-skills']),
  )
  expect(await namesOf('/agent')).toContain('openwork')
  const session = (await (await post(host, `/w/${activeId}/opencode/session`)).json()) as { id: string }
  const prompt = { parts: [{ type: 'text', text: 'What grows here?' }] }
  const answer = await post(host, `/w/${activeId}/opencode/session/${session.id}/message`, prompt)
  expect(await answer.json()).toMatchObject({
    info: { agent: 'openwork', role: 'assistant' },
    parts: expect.arrayContaining([expect.objectContaining({ type: 'text', text: 'Tulips.' })]),
  })
})
