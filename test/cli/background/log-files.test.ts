import { expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { placeForLog } from '../../../src/cli/background/log-files.ts'
import { logsFolder, runsFolder } from '../../../src/orchestrator/data-dir.ts'
import { openRunRecord } from '../../../src/supervisor/run-record.ts'

/** A data dir with logs of these names, the first one written last. */
function dataDirWith(names: readonly string[]) {
  const dataDir = mkdtempSync(join(tmpdir(), 'openwork-logs-'))
  mkdirSync(logsFolder(dataDir))
  for (const [age, name] of names.entries()) {
    const path = join(logsFolder(dataDir), name)
    writeFileSync(path, '')
    utimesSync(path, 1_000_000 - age, 1_000_000 - age)
  }
  return {
    dataDir,
    logs: () => readdirSync(logsFolder(dataDir)).sort(),
    [Symbol.dispose]: () => rmSync(dataDir, { recursive: true }),
  }
}

test('of hosts that have ended ten logs are kept, of living ones all, with their older parts', async () => {
  const ended = Array.from({ length: 12 }, (_, index) => `ended-${index}.log`)
  using at = dataDirWith([...ended, 'ended-10.log.1', 'ended-2.log.1', 'living.log', 'living.log.5', 'notes.txt'])
  await openRunRecord(runsFolder(at.dataDir), { runId: 'living' })

  await placeForLog(at.dataDir, 'new')

  expect(at.logs()).toEqual([...ended.slice(0, 10), 'ended-2.log.1', 'living.log', 'living.log.5', 'notes.txt'].sort())
})

test('a run id that is no file name gets one all the same, and that of a living host is refused', async () => {
  using at = dataDirWith([])
  await openRunRecord(runsFolder(at.dataDir), { runId: 'living' })

  expect(basename(await placeForLog(at.dataDir, 'r-1'))).toBe('r-1.log')
  expect(basename(await placeForLog(at.dataDir, '../../x'))).toMatch(/^[0-9a-f]{64}\.log$/)
  await expect(placeForLog(at.dataDir, 'living')).rejects.toMatchObject({ code: 'run_id_in_use' })
})
