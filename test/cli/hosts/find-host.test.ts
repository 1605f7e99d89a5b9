import { expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findHost } from '../../../src/cli/hosts/find-host.ts'
import { runsFolder } from '../../../src/orchestrator/data-dir.ts'
import type { HostInfo } from '../../../src/orchestrator/host-info.ts'
import type { OpenworkError } from '../../../src/shared/errors.ts'
import { openRunRecord } from '../../../src/supervisor/run-record.ts'
import { runCommand } from '../commands/run-command.ts'

const NOWHERE = 'http://127.0.0.1:1'

/** Hosts of these run ids, each in a folder of its own name; all are this process. */
async function hostsOf(runs: Record<string, HostInfo['serves']>) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'openwork-find-host-')))
  for (const [runId, serves] of Object.entries(runs)) {
    mkdirSync(join(root, runId, 'src'), { recursive: true })
    const info: HostInfo = {
      workspace: join(root, runId),
      serves,
      control: { baseUrl: NOWHERE, token: 'control-token' },
      openwork: { baseUrl: NOWHERE, connectUrl: NOWHERE },
      opencode: { baseUrl: NOWHERE, username: 'user', password: 'pass' },
    }
    await openRunRecord(runsFolder(join(root, 'data')), { runId, info })
  }
  const find = async (word: string | undefined, cwd = '.') =>
    await findHost(word, { dataDir: join(root, 'data'), cwd: join(root, cwd), home: root }).then(
      ({ runId }) => runId,
      ({ code }: OpenworkError) => code,
    )
  const hint = async (word: string) =>
    await findHost(word, { dataDir: join(root, 'data'), cwd: root, home: root }).then(
      () => undefined,
      (error: OpenworkError) => error.hint,
    )
  return {
    find,
    hint,
    dataDir: join(root, 'data'),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

test('a host is found by its run id, how that begins, its process id and its folder', async () => {
  using hosts = await hostsOf({ 'shop-1': 'one', 'shop-11': 'one', blog: 'one', d: 'listed' })

  expect(await hosts.find('shop-1')).toBe('shop-1')
  expect(await hosts.find('shop-11')).toBe('shop-11')
  expect(await hosts.find('bl')).toBe('blog')
  expect(await hosts.find('./shop-11/src')).toBe('shop-11')
  expect(await hosts.find('~/blog')).toBe('blog')
  expect(await hosts.find('daemon')).toBe('d')
})

test('what could be several, or none, is refused', async () => {
  using hosts = await hostsOf({ 'shop-1': 'one', 'shop-2': 'one' })

  expect(await hosts.find('shop')).toBe('several_running_hosts')
  expect(await hosts.find(String(process.pid))).toBe('several_running_hosts')
  expect(await hosts.find('daemon')).toBe('no_running_host')
  expect(await hosts.find('.')).toBe('no_running_host')
})

test('where none has the name, those that run are told with their ids', async () => {
  using one = await hostsOf({ '3f2a9c1e-5d': 'one' })
  using daemon = await hostsOf({ d: 'listed' })

  expect(await one.hint('nope')).toMatch(/^These run: 3f2a9c1e \(\/.*\/3f2a9c1e-5d, http.*, pid \d+\)\.$/)
  expect(await daemon.hint('nope')).toMatch(/^These run: d \(the daemon, http.*, pid \d+\)\.$/)
})

test('a host that is not there is told before a terminal that is not', async () => {
  using hosts = await hostsOf({ shop: 'one' })
  const attach = async (word: string) => await runCommand(['attach', word], { OPENWORK_DATA_DIR: hosts.dataDir })

  expect((await attach('nope')).stderr).toContain('No running host is called nope')
  expect((await attach('shop')).stderr).toContain('needs a terminal')
})

test('without a word it is the only one, or the one that serves the folder', async () => {
  using one = await hostsOf({ shop: 'one' })
  using two = await hostsOf({ shop: 'one', blog: 'one' })
  using none = await hostsOf({})

  expect(await one.find(undefined)).toBe('shop')
  expect(await two.find(undefined)).toBe('several_running_hosts')
  expect(await two.find(undefined, 'blog/src')).toBe('blog')
  expect(await none.find(undefined)).toBe('no_running_host')
})
