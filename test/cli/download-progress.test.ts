import { expect, test } from 'bun:test'
import { progressLog } from '../../src/cli/download-progress.ts'
import { Log } from '../../src/shared/log.ts'
import { Redactor } from '../../src/shared/redact.ts'
import type { Progress } from '../../src/sidecars/download/progress.ts'

const what = 'opencode-linux-x64@1.18.33'

/** The log lines of these steps. */
function logged(steps: readonly Omit<Progress, 'what'>[]): string[] {
  const lines: string[] = []
  const service = { serviceName: 'test', serviceVersion: '1', runId: 'r', redactor: new Redactor() }
  const write = (line: string) => lines.push(line.replace('[test] ', ''))
  const progress = progressLog(new Log({ format: 'pretty', color: false, minimum: 'info', ...service, write }))
  for (const step of steps) progress.step({ ...step, what })
  progress.end()
  return lines
}

test('a stage is told when it begins, and how far it is every three seconds', () => {
  const some = { bytes: 30, totalBytes: 60, bytesPerSecond: 10_000_000, from: 'mirror.example' }
  expect(
    logged([
      { stage: 'downloading', elapsedMs: 0 },
      { stage: 'downloading', elapsedMs: 2_900, ...some },
      { stage: 'downloading', elapsedMs: 3_100, ...some },
      { stage: 'unpacking', elapsedMs: 1, bytes: 9, totalBytes: 100 },
    ]),
  ).toEqual([
    `downloading ${what}`,
    `downloading ${what} percent=50 rate="10 MB/s" from=mirror.example seconds=3`,
    `unpacking ${what}`,
  ])
})

test('a stage that begins again elsewhere is the same stage', () => {
  expect(
    logged([
      { stage: 'downloading', elapsedMs: 0 },
      { stage: 'downloading', elapsedMs: 3_000, from: 'mirror.example' },
      { stage: 'downloading', elapsedMs: 0, from: 'npm' },
      { stage: 'downloading', elapsedMs: 1_000, from: 'npm' },
      { stage: 'downloading', elapsedMs: 3_000, from: 'npm' },
    ]),
  ).toEqual([
    `downloading ${what}`,
    `downloading ${what} from=mirror.example seconds=3`,
    `downloading ${what} from=npm seconds=3`,
  ])
})
