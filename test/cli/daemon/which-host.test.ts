import { expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonWorkspace } from '../../../src/api/daemon.ts'
import { runsFolder } from '../../../src/orchestrator/data-dir.ts'
import type { HostInfo } from '../../../src/orchestrator/host-info.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { openRunRecord } from '../../../src/supervisor/run-record.ts'
import { runCommand } from '../commands/run-command.ts'
import { type StandIn, startStandIn } from './stand-in.ts'

const ANSWERS_NOTHING = 'http://127.0.0.1:1'

const workspace = (name: string, path: string): DaemonWorkspace => ({
  id: `ws-${name}`,
  name,
  path,
  workspaceType: 'local',
  createdAt: 1,
})

/** A daemon that serves `shop`; `blog` is a folder of nobody. */
async function startShop(isHeld = true) {
  const workspaces = (folder: string) => [workspace('shop', join(folder, 'shop'))]
  const daemon = await startStandIn({ version: VERSION, isHeld, workspaces })
  mkdirSync(join(daemon.folder, 'shop', 'src'), { recursive: true })
  mkdirSync(join(daemon.folder, 'blog'))
  return daemon
}

const reloadsOf = ({ seen }: StandIn): string[] => seen.map(({ path }) => path).filter(path => path.endsWith('/reload'))

test('a mistyped name reloads nothing, wherever it is typed; nor does a folder that nobody serves', async () => {
  await using daemon = await startShop()
  const failure = async (at: string, ...argv: string[]) =>
    JSON.parse((await runCommand(['reload', '--json', ...argv], daemon.env, join(daemon.folder, at))).stdout)

  for (const at of ['.', 'shop', 'shop/src'])
    expect(await failure(at, 'shpo', '--force')).toMatchObject({
      code: 'workspace_not_found',
      error: expect.stringContaining('shpo'),
      hint: `These are served: shop (${join(daemon.folder, 'shop')})`,
    })
  expect(await failure('.')).toMatchObject({ code: 'no_running_host' })
  expect(await failure('.', 'blog')).toMatchObject({ code: 'no_running_host' })
  expect(reloadsOf(daemon)).toEqual([])

  for (const [at, ...argv] of [['shop'], ['shop/src'], ['.', 'shop'], ['.', 'ws-shop'], ['.', 'shop/src']] as const)
    await failure(at, ...argv)
  expect(reloadsOf(daemon)).toEqual(Array.from({ length: 5 }, () => '/workspaces/ws-shop/reload'))
})

test('of a daemon and a host the one that serves the current folder is asked, and both are named elsewhere', async () => {
  await using daemon = await startShop(false)
  const info = (serves: HostInfo['serves'], folder: string, port: number): HostInfo => ({
    workspace: join(daemon.folder, folder),
    serves,
    control: { baseUrl: ANSWERS_NOTHING, token: 'control-token' },
    openwork: { baseUrl: `http://127.0.0.1:${port}`, connectUrl: `http://127.0.0.1:${port}` },
    opencode: { baseUrl: ANSWERS_NOTHING, username: 'user-name', password: 'pass-word' },
  })
  const runs = runsFolder(daemon.dataDir)
  await openRunRecord(runs, { runId: 'daemon', info: info('listed', 'data/workdir', 2) })
  await openRunRecord(runs, { runId: 'host', info: info('one', 'blog', 3) })
  const asked = async (at: string): Promise<string> => {
    const env = { ...daemon.env, OPENWORK_HOST_TOKEN: 'host-token' }
    return (await runCommand(['tokens', 'list'], env, join(daemon.folder, at))).stderr
  }

  expect(await asked('shop/src')).toContain('Cannot reach http://127.0.0.1:2/')
  expect(await asked('blog')).toContain('Cannot reach http://127.0.0.1:3/')
  expect(await asked('.')).toContain(
    `2 hosts are running: daemon (the daemon, http://127.0.0.1:2, pid ${process.pid}), host (${join(daemon.folder, 'blog')}, http://127.0.0.1:3, pid ${process.pid})`,
  )
})
