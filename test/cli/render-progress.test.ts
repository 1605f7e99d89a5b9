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
  from: 'mirror.example',
}

describe('a download in a terminal', () => {
  test.each([
    [
      117,
      '━━━━━━━━━━━━━━━─────────  Downloading opencode   62 %  37 MB of 60 MB  2 s left  12 MB/s  from mirror.example',
    ],
    [77, '━━━━━━────  Downloading opencode   62 %  37 MB of 60 MB  2 s left  12 MB/s'],
    [57, '━━━━━━────  Downloading opencode   62 %  37 MB of 60 MB'],
    [55, 'Downloading opencode   62 %  37 MB of 60 MB  2 s left'],
    [37, 'Downloading opencode   62 %'],
    [15, 'Downloading op…'],
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
      'Downloading opencode  37 MB  3 s  from mirror.example',
    )
  })

  test('colours the bar alone', () => {
    const line = renderProgress(transfer, 79, true)
    expect(line).toStartWith('\x1b[32m━')
    expect(line).toEndWith(
      '━\x1b[39m\x1b[2m────\x1b[22m  Downloading opencode   62 %  37 MB of 60 MB  2 s left  12 MB/s',
    )
  })

  test('by npm tells that it goes on', () => {
    const npm = { stage: 'downloading', what: transfer.what, elapsedMs: 4_000, from: 'npm' } as const
    expect(renderProgress(npm, 37, false)).toBe('Downloading opencode  4 s  from npm')
  })

  test('by another openwork is waited for', () => {
    const waiting = { stage: 'waiting', what: transfer.what, elapsedMs: 4_000 } as const
    expect(renderProgress(waiting, 77, false)).toBe('Waiting for opencode  4 s  another openwork fetches it')
  })
})
