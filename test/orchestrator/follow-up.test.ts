import { expect, test } from 'bun:test'
import { followUp } from '../../src/orchestrator/follow-up.ts'

const RUN_ID = '1a2b3c4d-0000-4000-8000-000000000000'
const name = {
  runId: RUN_ID,
  serves: 'one',
  dataDir: '/home/ada/.openwork/openwork-orchestrator',
  home: '/home/ada',
} as const

test('a command names a host as people type it', () => {
  expect(followUp('stop', name)).toBe('openwork stop 1a2b3c4d')
  expect(followUp('stop', { ...name, runId: 'nightly-7' })).toBe('openwork stop nightly-7')
  expect(followUp('stop', { ...name, runId: "it's;me" })).toBe("openwork stop 'it'\\''s;me'")
  expect(followUp('logs -f', { ...name, serves: 'listed' })).toBe('openwork logs -f daemon')
})

test('a command for another data dir says which', () => {
  expect(followUp('stop', { ...name, dataDir: '/srv/ow' })).toBe('openwork stop 1a2b3c4d --data-dir /srv/ow')
  expect(followUp('stop', { ...name, dataDir: '/srv/my data' })).toBe(
    "openwork stop 1a2b3c4d --data-dir '/srv/my data'",
  )
})
