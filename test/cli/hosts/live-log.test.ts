import { expect, test } from 'bun:test'
import { readLiveLog } from '../../../src/cli/hosts/live-log.ts'
import type { LogLine } from '../../../src/cli/log-files/log-line.ts'
import { hostControl } from '../../orchestrator/live/host-control.ts'

const LIMIT_MS = 20_000

/** What the host itself logs meanwhile is passed over. */
const OURS = { wants: ({ text }: LogLine) => text.startsWith('line '), sinceMs: undefined }

test('what a host keeps is read to its end, exactly, and what comes then is followed', async () => {
  await using it = await hostControl([])
  const signal = AbortSignal.timeout(LIMIT_MS)
  const read = async (tail?: number): Promise<string[]> => {
    const lines = await Array.fromAsync(readLiveLog(it.client, { ...OURS, tail }, { signal, follow: false }))
    return lines.flat().map(({ text }) => text)
  }
  expect(await read()).toEqual([])

  const texts = Array.from({ length: 1_200 }, (_, index) => `line ${index}`)
  for (const text of texts) it.log.info(text)
  expect(await read()).toEqual(texts)
  expect(await read(2)).toEqual(texts.slice(-2))

  const followed = readLiveLog(it.client, { ...OURS, tail: 1 }, { signal, follow: true })
  const seen: string[] = []
  for await (const lines of followed) {
    seen.push(...lines.map(({ text }) => text))
    if (lines.length === 1 && seen.length === 1) it.log.info('line one more')
    if (seen.length === 2) break
  }
  expect(seen).toEqual(['line 1199', 'line one more'])
})
