import { describe, expect, test } from 'bun:test'
import { renderProgress } from '../../src/cli/render-progress.ts'
import type { Progress } from '../../src/sidecars/download/progress.ts'

const transfer: Progress = {
  stage: 'downloading',
  what: 'opencode-linux-x64@1.18.33',
  elapsedMs: 3_000,
  bytes: 37_200_000,
  totalBytes: 60_000_000,
  bytesPerSecond: 12_400_000,
}

describe('a download in a terminal', () => {
  test.each([
    [100, '━━━━━━━━━━━━━━━─────────   62 %  opencode-linux-x64@1.18.33  37 MB of 60 MB  12 MB/s  2 s left'],
    [79, '━━━━━━━━━━━━───────   62 %  opencode-linux-x64@1.18.33  37 MB of 60 MB  12 MB/s'],
    [60, '━━━━━━━━━──────   62 %  opencode-linux-x64@1.18.33'],
    [39, '━━━━━━───   62 %  opencode-linux-x64@1…'],
    [18, 'Downloading openc…'],
  ])('of %i columns is one line', (columns, line) => {
    expect(renderProgress(transfer, columns, false)).toBe(line)
  })

  test('never takes more columns than there are', () => {
    for (let columns = 1; columns <= 200; columns++)
      for (const progress of [transfer, { ...transfer, totalBytes: undefined }, { ...transfer, bytes: undefined }])
        expect(renderProgress(progress, columns, false).length).toBeLessThanOrEqual(columns)
  })

  test('whose size is not known shows what has come', () => {
    expect(renderProgress({ ...transfer, totalBytes: undefined }, 79, false)).toBe(
      'Downloading opencode-linux-x64@1.18.33  37 MB  3 s',
    )
  })

  test('colours the bar alone', () => {
    const line = renderProgress(transfer, 79, true)
    expect(line).toStartWith('\x1b[32m━')
    expect(line).toEndWith(
      '━\x1b[39m\x1b[2m───────\x1b[22m   62 %  opencode-linux-x64@1.18.33  37 MB of 60 MB  12 MB/s',
    )
  })
})
