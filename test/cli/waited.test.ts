import { expect, test } from 'bun:test'
import { waiting } from '../../src/cli/waited.ts'

test('who was stopped while waiting has not waited', () => {
  let nowMs = 0
  const waited = waiting(() => nowMs)
  nowMs = 300
  expect(waited()).toBe(300)
  nowMs += 35_000 // Ctrl-Z, and fg
  expect(waited()).toBe(1_300)
  nowMs += 20
  expect(waited()).toBe(1_320)
})
