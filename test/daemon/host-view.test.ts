import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { hostClient } from '../../src/api/host-client.ts'
import { runsFolder } from '../../src/orchestrator/data-dir.ts'
import { parseHostInfo } from '../../src/orchestrator/host-info.ts'
import { listRuns } from '../../src/supervisor/run-record.ts'
import { clientOf, newPlace } from './daemon-place.ts'

test('a daemon is seen as a host with many workspaces, and ends when it is asked to', async () => {
  await using place = newPlace()
  const daemon = await place.run()
  const info = async () => parseHostInfo((await listRuns(runsFolder(place.dataDir)))[0]?.info)
  const { control } = (await info()) ?? {}
  if (!control) throw new Error('no host')
  const host = hostClient(control)
  const { client } = await clientOf(place.dataDir)
  const { workspace } = await client.addWorkspace({ path: join(place.root, 'project') })

  const snapshot = await host.snapshot()
  expect(snapshot).toMatchObject({
    serves: 'listed',
    health: 'ready',
    isDetached: false,
    approvals: [],
    reloads: [],
    connection: { attachCommand: expect.stringMatching(/^openwork attach daemon --data-dir /) },
    workspaces: [{ id: workspace.id, name: 'project', path: workspace.path, isActive: true, state: 'none' }],
  })
  expect(snapshot.services.map(({ name, state }) => [name, state])).toEqual([
    ['openwork-orchestrator', 'ready'],
    ['openwork-server', 'ready'],
    ['opencode', 'ready'],
  ])
  const { clientToken, hostToken, opencodePassword } = await host.credentials()
  for (const value of [clientToken, hostToken, opencodePassword, control.token])
    expect(JSON.stringify(snapshot)).not.toContain(value)

  const { pid } = await host.restart('opencode', { force: false })
  expect(pid).not.toBe(snapshot.services.at(-1)?.pid)
  await host.release()
  expect(await info()).toMatchObject({ isDetached: true, control })

  await host.stop({ force: false })
  expect(await daemon.ended).toBeUndefined()
  await daemon.stop()
  expect(await listRuns(runsFolder(place.dataDir))).toEqual([])
}, 60_000)
