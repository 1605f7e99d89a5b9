import { expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonWorkspace } from '../../src/api/daemon.ts'
import { tellOfSecondOpencodes } from '../../src/daemon/second-opencodes.ts'
import { runsFolder } from '../../src/orchestrator/data-dir.ts'
import type { HostInfo } from '../../src/orchestrator/host-info.ts'
import { openRunRecord } from '../../src/supervisor/run-record.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { temporaryFolder } from '../supervisor/support.ts'

const local = (path: string): DaemonWorkspace => ({ id: path, name: path, path, workspaceType: 'local', createdAt: 1 })

test('a host of its own in a folder of the daemon is named, with its process and URL', async () => {
  await using folder = temporaryFolder()
  const runs = runsFolder(folder.path)
  mkdirSync(runs, { recursive: true })
  const host = (port: number): Omit<HostInfo, 'workspace' | 'serves'> => ({
    control: { baseUrl: 'http://127.0.0.1:1', token: 't' },
    openwork: { baseUrl: `http://127.0.0.1:${port}`, connectUrl: `http://127.0.0.1:${port}` },
    opencode: { baseUrl: 'http://127.0.0.1:1', username: 'u', password: 'p' },
  })
  const records = [
    { ...host(1_001), workspace: '/p/shop', serves: 'one' as const },
    { ...host(1_002), workspace: '/p/blog', serves: 'one' as const },
    { ...host(1_003), workspace: '/p/notes', serves: 'listed' as const }, // where a daemon's opencode runs
  ]
  for (const [number, info] of records.entries()) await openRunRecord(runs, { runId: `run-${number}`, info })

  const { log, lines } = listeningLog()
  const remote = { ...local('/p/blog'), workspaceType: 'remote' as const, baseUrl: 'https://box' }
  const notes = await tellOfSecondOpencodes(folder.path, [local('/p/shop'), local('/p/notes'), remote], log)

  expect(notes).toEqual([expect.stringContaining(`process ${process.pid} at http://127.0.0.1:1001, `)])
  expect(lines).toEqual([expect.stringContaining('/p/shop: another host')])
  expect(await tellOfSecondOpencodes(join(folder.path, 'none'), [local('/p/shop')], log)).toEqual([])
})
