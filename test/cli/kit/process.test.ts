import { expect, test } from 'bun:test'
import { join } from 'node:path'

const start = () =>
  Bun.spawn([process.execPath, join(import.meta.dir, '../../fixtures/cli/prints-a-megabyte.ts')], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })

test('all of a long result reaches a pipe before the program ends', async () => {
  await using program = start()
  expect((await program.stdout.bytes()).length).toBe(1_000_000)
  expect(await program.exited).toBe(0)
})

test('a reader that goes away is no failure', async () => {
  await using program = start()
  const reader = program.stdout.getReader()
  await reader.read()
  await reader.cancel()
  expect(await program.stderr.text()).toBe('')
  expect(await program.exited).toBe(0)
})
