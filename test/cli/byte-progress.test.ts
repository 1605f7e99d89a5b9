import { expect, test } from 'bun:test'
import { ByteProgress } from '../../src/cli/byte-progress.ts'
import { recordingTerminal } from './recording-terminal.ts'

/** What a work of ten steps shows, drawn after each of them. */
async function run(isTTY: boolean): Promise<{ written: string; notes: string[] }> {
  const terminal = recordingTerminal({ isTTY, columns: 60 })
  const notes: string[] = []
  const progress = new ByteProgress(terminal.stream, text => notes.push(text))
  for (let step = 1; step <= 10; step++) {
    progress.step('Importing a build', step * 1_000_000, 10_000_000)
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  }
  progress.end()
  return { written: terminal.written(), notes }
}

test('a terminal gets one line that is drawn over and taken away', async () => {
  const { written, notes } = await run(true)
  expect(notes).toEqual([])
  const lines = written.split('\r\x1b[K').slice(1)
  expect(lines).toHaveLength(11)
  expect(lines[4]).toContain('Importing a build   50 %  5.0 MB of 10 MB')
  for (const line of lines) expect(line.length).toBeLessThan(60)
  expect(written).toEndWith('\r\x1b[K')
})

test('elsewhere there are no notes of what is done at once', async () => {
  expect(await run(false)).toEqual({ written: '', notes: [] })
})
