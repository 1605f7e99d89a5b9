import { expect, test } from 'bun:test'
import { ProgressLine } from '../../../src/cli/sync/progress.ts'
import { recordingTerminal } from '../recording-terminal.ts'

function run(total: number, isTTY: boolean): { written: string; notes: string[] } {
  const terminal = recordingTerminal({ isTTY, columns: 40 })
  const notes: string[] = []
  const progress = new ProgressLine(terminal.stream, text => notes.push(text))
  progress.begin(total)
  for (let n = 0; n < total; n++) progress.step(`folder/\u001b[2Ja file with a long name ${n}`)
  progress.end()
  return { written: terminal.written(), notes }
}

test('a terminal gets one line that is drawn over and taken away, and nothing a file name could do to it', () => {
  const { written, notes } = run(50, true)
  expect(notes).toEqual([])
  expect(written).toMatch(/^\r\x1b\[K[█░]{24} 1\/50/)
  expect(written).toEndWith('\r\x1b[K')
  const lines = written.split('\r\x1b[K')
  for (const line of lines) {
    expect(line.length).toBeLessThan(40)
    expect(line).not.toContain('\x1b')
  }
})

test('without a terminal every tenth is a line, and a few files are none', () => {
  expect(run(200, false)).toEqual({
    written: '',
    notes: [20, 40, 60, 80, 100, 120, 140, 160, 180, 200].map(done => `${done} of 200 files`),
  })
  expect(run(99, false)).toEqual({ written: '', notes: [] })
})

test('nothing to do shows nothing', () => {
  expect(run(0, true)).toEqual({ written: '', notes: [] })
})
