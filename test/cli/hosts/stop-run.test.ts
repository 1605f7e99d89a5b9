import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { runsFolder } from '../../../src/orchestrator/data-dir.ts'
import { openRunRecord } from '../../../src/supervisor/run-record.ts'
import { temporaryFolder } from '../../supervisor/support.ts'
import { runCommand } from '../commands/run-command.ts'

test('a host that cannot be told from another process is neither signalled nor said to have stopped', async () => {
  await using folder = temporaryFolder()
  const record = await openRunRecord(runsFolder(folder.path), { runId: 'r-1' })
  const file = JSON.parse(await readFile(record.path, 'utf8'))
  await writeFile(record.path, JSON.stringify({ ...file, owner: { pid: process.pid, startTime: null } }))

  const { code, stdout } = await runCommand(['stop', 'r-1', '--json', '--data-dir', folder.path], {})

  expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining('"host_stop_failed"') })
  expect(existsSync(record.path)).toBe(true)
})
