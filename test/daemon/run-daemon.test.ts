import { expect, test } from 'bun:test'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openworkClient } from '../../src/api/openwork-client.ts'
import { clearDeadDaemon, findDaemon } from '../../src/daemon/find-daemon.ts'
import { readCredentials } from '../../src/orchestrator/credentials.ts'
import { daemonLayout } from '../../src/orchestrator/data-dir.ts'
import { eventually, isAlive, kill } from '../e2e/harness.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { clientOf, newPlace } from './daemon-place.ts'
import { failureOf } from './failure-of.ts'

test('a daemon from its start to its end, and again', async () => {
  await using place = newPlace()
  expect(await findDaemon(place.dataDir)).toEqual({ state: 'none' })
  const daemon = await place.run()
  const { found, client } = await clientOf(place.dataDir)
  expect(found).toMatchObject({ pid: process.pid, baseUrl: daemon.baseUrl })
  for (const file of [place.files.lock, place.files.state, place.files.token])
    expect(statSync(file).mode & 0o777).toBe(0o600)
  expect((await failureOf(place.run())).code).toBe('daemon_already_running')

  // What is added is served by openwork-server at once, under the same id; what is removed is not.
  const credentials = readCredentials(daemonLayout(place.dataDir).credentials)
  if (!credentials || credentials === 'unusable') throw new Error('no credentials')
  const status = await client.status()
  const server = openworkClient({ baseUrl: status.openwork.baseUrl, token: credentials.token, timeoutMs: 10_000 })
  const { workspace } = await client.addWorkspace({ path: join(place.root, 'project') })
  const second = (await client.addWorkspace({ path: join(place.root, 'second') })).workspace
  expect((await server.workspaces()).items.map(({ id }) => id)).toEqual([workspace.id, second.id])
  await client.activate(second.id)
  expect((await server.workspaces()).items.map(({ id }) => id)).toEqual([second.id, workspace.id])
  await client.removeWorkspace(second.id)
  expect((await server.workspaces()).items.map(({ id }) => id)).toEqual([workspace.id])

  // Both services are killed: they come back at their addresses, and the server knows its list.
  const { opencode } = status
  for (const pid of [opencode?.pid, status.openwork.pid]) if (pid) kill(pid, 'SIGKILL')
  await eventually(
    'opencode is back, and written down',
    () => ![opencode?.pid, undefined].includes(place.state().opencode?.pid),
  )
  await eventually('openwork-server is back', async () => {
    const { openwork } = await client.status()
    return openwork.state === 'ready' && openwork.pid !== status.openwork.pid
  })
  expect((await server.workspaces()).items.map(({ id }) => id)).toEqual([workspace.id])
  expect((await client.status()).opencode?.baseUrl).toBe(opencode?.baseUrl ?? '')

  await client.shutdown()
  expect(await daemon.ended).toBeUndefined()
  await daemon.stop()
  expect(await findDaemon(place.dataDir)).toEqual({ state: 'none' })
  const { daemon: noDaemon, opencode: noOpencode, workspaces, formerPorts } = place.state()
  expect([noDaemon, noOpencode, workspaces]).toEqual([undefined, undefined, [workspace]])
  expect(readdirSync(daemonLayout(place.dataDir).runs)).toEqual([])
  expect(existsSync(place.files.lock)).toBe(false)

  const again = await place.run()
  const next = await clientOf(place.dataDir)
  expect(next.found).toMatchObject({ baseUrl: daemon.baseUrl, token: found.token })
  expect((await next.client.status()).openwork.baseUrl).toBe(status.openwork.baseUrl)
  expect(place.state().formerPorts).toEqual(formerPorts)
  expect((await next.client.workspaces()).workspaces).toEqual([workspace])
  await again.stop()
}, 60_000)

test('where opencode cannot run the start fails, and nothing is left', async () => {
  await using place = newPlace()
  const failure = await failureOf(place.run({ FAKE_OPENCODE: 'crashes' }))
  expect([failure.code, failure.exitCode]).toEqual(['service_gave_up', 3])
  expect(await findDaemon(place.dataDir)).toEqual({ state: 'none' })
  expect(existsSync(place.files.lock)).toBe(false)
  expect(readdirSync(daemonLayout(place.dataDir).runs)).toEqual([])
}, 60_000)

test('what a killed daemon left is cleared away, its services too', async () => {
  await using place = newPlace()
  const killed = Bun.spawn([process.execPath, join(import.meta.dir, 'daemon-place.ts'), place.root], { stdout: 'pipe' })
  for await (const chunk of killed.stdout) if (new TextDecoder().decode(chunk).includes('ready')) break
  const { client } = await clientOf(place.dataDir)
  const { workspace } = await client.addWorkspace({ path: join(place.root, 'project') })
  const { opencode, openwork } = await client.status()
  kill(killed.pid, 'SIGKILL')
  await killed.exited
  expect(await findDaemon(place.dataDir)).toEqual({ state: 'none' })
  expect(place.state().daemon.pid).toBe(killed.pid)

  await clearDeadDaemon(place.dataDir, listeningLog().log)
  await eventually('its services are gone', () => ![opencode?.pid, openwork.pid].some(pid => isAlive(pid ?? 0)))
  const { daemon, opencode: noOpencode, workspaces } = place.state()
  expect([daemon, noOpencode, workspaces]).toEqual([undefined, undefined, [workspace]])
  expect(existsSync(place.files.lock)).toBe(false)
  expect(readdirSync(daemonLayout(place.dataDir).runs)).toEqual([])
}, 60_000)
